import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import {
  assertSocketPath,
  corosyncText,
  initScript,
  passwdText,
  quoted,
  repairedShellFunctions,
} from "../../../src/lab/pacemaker/host-files.ts";

describe("the agents' call for the promotion score", () => {
  test("as Debian 12 has it, names the resource in the copy", () => {
    const text =
      "\tif x; then\n\t\t${HA_SBIN_DIR}/crm_attribute -p $@\n\telse\n\t\t${HA_SBIN_DIR}/crm_master -l reboot $@\n";
    assert.equal(
      repairedShellFunctions(text),
      text.replace("crm_attribute -p $@", 'crm_attribute -p "${OCF_RESOURCE_INSTANCE%%:*}" $@'),
    );
  });
  test("that is right already is left as it is", () => {
    const text = "\t\t${HA_SBIN_DIR}/crm_attribute -p ${OCF_RESOURCE_INSTANCE} $@\n";
    assert.equal(repairedShellFunctions(text), text);
    assert.equal(repairedShellFunctions(repairedShellFunctions(text)), text);
  });
});

test("the agent's account is a second name of the servers', whoever has it on this machine", () => {
  const machine = "root:x:0:0::/root:/bin/bash\npostgres:x:101:104::/var/lib/postgresql:/bin/bash\n";
  const lines = passwdText(machine, "postgres", { name: "nobody", uid: 65534, gid: 65533 })
    .trim()
    .split("\n")
    .map((line) => line.split(":"));
  assert.deepEqual(
    lines.map(([name, , uid, gid]) => [name, uid, gid]),
    [
      ["root", "0", "0"],
      ["postgres", "65534", "65533"],
    ],
  );
});

describe("corosync's configuration", () => {
  const node = (id: number) => ({ name: `n${id}`, id, role: "asynchronous" as const, addresses: [`10.0.0.${id}/24`] });
  test("has a node for each host, and a newline after each brace", () => {
    const text = corosyncText("lab", [node(1), node(2), node(3)], "/log");
    assert.deepEqual(text.match(/ring0_addr: \S+/g), [
      "ring0_addr: 10.0.0.1",
      "ring0_addr: 10.0.0.2",
      "ring0_addr: 10.0.0.3",
    ]);
    assert.ok(!/\{[^\n]/.test(text));
    assert.ok(!text.includes("two_node"));
  });
  test("lets one of two go on without the other", () => {
    assert.match(corosyncText("lab", [node(1), node(2)], "/log"), /two_node: 1/);
  });
});

test("the first process ends when nobody tells it to go on, and has done nothing", () => {
  const script = initScript({ folder: "/nowhere", name: "it's", shellFunctions: "/x" });
  // As an account that could do nothing with it, should it go on.
  const account = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  for (const input of ["", "what\n"])
    assert.throws(() => execFileSync("sh", ["-c", script], { input, stdio: "pipe", cwd: "/", ...account }), {
      status: 1,
    });
  assert.equal(
    execFileSync("sh", ["-c", `printf %s ${quoted("it's; $(x) `y`")}`], { encoding: "utf8" }),
    "it's; $(x) `y`",
  );
});

test("a socket's name has room for 107 bytes", () => {
  assertSocketPath("/".repeat(107));
  assert.throws(() => assertSocketPath("/".repeat(108)), { code: "LAB_FAILED", why: /107 bytes/ });
});
