import assert from "node:assert/strict";
import { chownSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Host } from "../../../src/drivers/host/host.ts";
import { hostOf } from "../../../src/drivers/host/host-of.ts";
import { sshHost } from "../../../src/drivers/host/ssh.ts";
import { pollUntil } from "../../../src/base/time.ts";
import { withFolder } from "../../support/folder.ts";
import { noSshServer, startSshServer, type SshServer } from "../../support/ssh-server.ts";

type OpenHost = Host & { close(): Promise<void> };

/** The contract of `Host`, held against this machine and against a real sshd. */
function conforms(host: () => OpenHost): void {
  test("gives the script its arguments untouched, whatever they hold", async () => {
    const args = [
      "",
      "two words",
      "it's",
      '"$HOME" `id` $(id)',
      "-n",
      "back\\slash\\n",
      "line\nbreak",
      "ü €",
      "%s %b",
      "!x",
    ];
    const { code, stdout } = await host().run({ script: 'for one do printf "%s|" "$one"; done', args });
    assert.equal(code, 0);
    assert.equal(stdout, `${args.join("|")}|`);
  });

  test("runs a script of many lines with quotes and backslashes as it stands", async () => {
    const script = `x='a\\nb'\n# a comment, it's here\nprintf '%s\\n' "$x" | sed 's/a/c/'\nprintf "\\\\n\\t."`;
    assert.equal((await host().run({ script })).stdout, "c\\nb\n\n\t.");
  });

  test("hands on the input, every byte of it", async () => {
    const input = `first line\n\\n 'second' $x\n${"x".repeat(200_000)}\nno newline at the end`;
    assert.equal((await host().run({ script: "cat", input })).stdout, input);
    assert.equal(
      (await host().run({ script: "read -r line; cat >/dev/null; echo $line", input })).stdout,
      "first line\n",
    );
  });

  test("answers with the exit code, whatever it is, and keeps the two streams apart", async () => {
    const result = await host().run({ script: "echo out; echo err >&2; exit 255" });
    assert.deepEqual(result, { code: 255, stdout: "out\n", stderr: "err\n" });
  });

  test("keeps at most 1 MiB of the output and does not block on more", async () => {
    const { code, stdout } = await host().run({ script: "head -c 3000000 /dev/zero | tr '\\0' x" });
    assert.equal(code, 0);
    assert.equal(stdout.length, 1024 * 1024);
  });

  test("ends a command that takes too long, and its children", () =>
    withFolder(async (folder) => {
      const script = 'sleep 600 & echo "$! $$" >"$1"; wait';
      const file = join(folder, "pids");
      await assert.rejects(host().run({ script, args: [file], timeoutMs: 3000 }), { code: "HOST_COMMAND_FAILED" });
      const pids = readFileSync(file, "utf8").trim().split(" ");
      assert.equal(pids.length, 2);
      const gone = await pollUntil(async () => (pids.every(isGone) ? true : undefined), {
        everyMs: 20,
        timeoutMs: 60_000,
      });
      assert.ok(gone, "they still run");
    }));

  test("ends a command and its children when it is asked to", () =>
    withFolder(async (folder) => {
      const script = 'sleep 600 & echo "$! $$" >"$1"; wait';
      const file = join(folder, "pids");
      const asked = new AbortController();
      const run = host().run({ script, args: [file], timeoutMs: 60_000, signal: asked.signal });
      const begun = async () => (existsSync(file) && readFileSync(file, "utf8").endsWith("\n") ? true : undefined);
      assert.ok(await pollUntil(begun, { everyMs: 10, timeoutMs: 60_000 }));
      asked.abort(new Error("enough"));
      await assert.rejects(run, { message: "enough" });
      const pids = readFileSync(file, "utf8").trim().split(" ");
      const gone = async () => (pids.every(isGone) ? true : undefined);
      assert.ok(await pollUntil(gone, { everyMs: 20, timeoutMs: 60_000 }), "they still run");
      await assert.rejects(host().run({ script: "true", signal: asked.signal }), { message: "enough" });
    }));

  test("does not wait for what a script leaves in the background, and lets it live", async () => {
    const { stdout } = await host().run({ script: "setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $!" });
    const pid = Number(stdout);
    assert.ok(!isGone(String(pid)));
    process.kill(pid, "SIGKILL");
  });

  test("speaks English, stands in /, and hands on no setting of a PostgreSQL client", async () => {
    process.env.PGHOST = "elsewhere";
    try {
      const { stdout } = await host().run({ script: 'echo "$LC_ALL $PWD ${PGHOST-none}"' });
      assert.equal(stdout, "C / none\n");
    } finally {
      delete process.env.PGHOST;
    }
  });

  test("runs as the owner of a path, where we are root", { skip: process.getuid?.() !== 0 && "not root" }, () =>
    withFolder(async (folder) => {
      chownSync(folder, 65534, 65534);
      const script = 'id -u; id -g; echo "$1"';
      assert.equal((await host().run({ script, args: ["it's"], as: folder })).stdout, "65534\n65534\nit's\n");
      assert.match((await host().run({ script, as: "/" })).stdout, /^0\n/);
      assert.match((await host().run({ script, as: join(folder, "missing") })).stdout, /^0\n/);
    }),
  );
}

describe("this machine as a host", () => conforms(() => hostOf("local:")));

describe("a machine over ssh", { skip: await noSshServer() }, () => {
  let server: SshServer;
  let host: OpenHost;
  before(async () => {
    server = await startSshServer();
    host = sshHost(server.reference, { clientOptions: server.clientOptions });
  });
  after(async () => {
    await host?.close();
    await server?.stop();
  });

  conforms(() => host);

  test("that nobody answers at throws UNREACHABLE and says what to try", async () => {
    const nobody = sshHost("ssh://root@127.0.0.1:1", { clientOptions: server.clientOptions });
    try {
      await assert.rejects(nobody.run({ script: "true" }), { code: "UNREACHABLE", next: /ssh .*127\.0\.0\.1/ });
    } finally {
      await nobody.close();
    }
  });

  test("whose connection is lost in the middle of a command throws UNREACHABLE, and answers no exit code", async () => {
    const own = sshHost(server.reference, { clientOptions: server.clientOptions });
    try {
      const script = 'read -r _ _ _ parent _ <"/proc/$PPID/stat"; kill -9 "$parent"';
      await assert.rejects(own.run({ script }), { code: "UNREACHABLE", message: /lost.*not known/ });
      assert.equal((await own.run({ script: "exit 255" })).code, 255);
    } finally {
      await own.close();
    }
  });

  test("that does not know our key throws UNREACHABLE and asks no question", async () => {
    const stranger = sshHost(server.reference, {
      clientOptions: [...server.clientOptions, "IdentityFile=/dev/null"].filter(
        (option) => option !== server.identityOption,
      ),
    });
    try {
      await assert.rejects(stranger.run({ script: "true" }), { code: "UNREACHABLE" });
    } finally {
      await stranger.close();
    }
  });
});

describe("a host's reference", () => {
  for (const reference of [
    "ssh://-oProxyCommand=x",
    "ssh://root:secret@h",
    "http://h",
    "ssh://",
    "local",
    "ssh://a b",
  ]) {
    test(`${reference} is refused`, () => {
      assert.throws(() => hostOf(reference), { code: "USAGE" });
    });
  }
  test("never shows a password", () => {
    assert.throws(
      () => hostOf("ssh://root:hunter2@h"),
      (error: Error & { why: string }) => {
        assert.doesNotMatch(`${error.message} ${error.why}`, /hunter2/);
        return true;
      },
    );
  });
});

function isGone(pid: string): boolean {
  return !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
}
