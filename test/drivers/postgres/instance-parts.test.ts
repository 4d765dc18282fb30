import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { stateFrom } from "../../../src/drivers/postgres/instance/inspect.ts";
import { control, parseControl } from "../../../src/drivers/postgres/instance/control.ts";
import type { Place } from "../../../src/drivers/postgres/instance/place.ts";
import { withSettings } from "../../../src/drivers/postgres/instance/settings.ts";

const stat = (pid: number, state: string, parent: number) => `${pid} (postgres) ${state} ${parent} 1 1 0`;

describe("what the look at a data directory's processes means", () => {
  const table: readonly [string, readonly string[], string][] = [
    ["nothing there", ["pidfile ", "looked "], "no-data"],
    ["data, no process", ["data", "pidfile 7", "looked "], "down"],
    [
      "the postmaster of the file, and its children",
      ["data", "pidfile 7", "postmaster 7", stat(7, "S", 1), stat(8, "S", 7)],
      "running",
    ],
    [
      "the postmaster in a container, where it has another pid for itself, halted",
      ["data", "pidfile 1", "postmaster 7", stat(7, "T", 1), stat(8, "S", 7)],
      "stopped-processes",
    ],
    ["the postmaster alone, just started", ["data", "pidfile 7", "postmaster 7", stat(7, "S", 1)], "running"],
    ["one backend halted", ["data", "pidfile 7", "postmaster 7", stat(7, "S", 1), stat(8, "T", 7)], "running"],
    [
      "children without their postmaster",
      ["data", "pidfile 7", "postmaster ", stat(8, "S", 1), stat(9, "S", 1)],
      "orphans",
    ],
    [
      "a postmaster whose file was lost",
      ["data", "pidfile ", "postmaster ", stat(7, "S", 1), stat(8, "S", 7)],
      "running",
    ],
    ["only zombies", ["data", "pidfile 7", "looked ", stat(7, "Z", 1)], "down"],
    ["processes, but no data any more", ["pidfile ", "postmaster ", stat(7, "S", 1), stat(8, "S", 7)], "running"],
    ["single-user mode", ["data", "pidfile -7", "postmaster 7", stat(7, "S", 1)], "running"],
    ["nothing to be seen, and a doubt", ["data", "pidfile 7", "looked It lies on nfs4."], "unknown"],
    ["no directory, and a doubt", ["pidfile ", "looked These may be its processes: 7"], "unknown"],
    ["a way that is closed to us", ["closed", "pidfile ", "looked "], "unknown"],
    ["a machine that lists no processes", ["data", "pidfile "], "unknown"],
    ["another account's, the postmaster seen", ["data", "pidfile 7", "looked ", "seen 7 (postgres) S 1"], "running"],
    ["another account's, its file closed to us", ["data", "pidfile ", "looked ", "seen 7 (postgres) S 1"], "unknown"],
    ["another account's, some server seen", ["data", "pidfile 6", "looked ", "seen 7 (postgres) S 1"], "unknown"],
    ["another account's, no server at all", ["data", "pidfile 6", "looked "], "down"],
  ];
  for (const [title, lines, expected] of table) {
    test(title, () => assert.equal(stateFrom(`${lines.join("\n")}\n`).state, expected));
  }
});

describe("postgresql.auto.conf", () => {
  test("keeps what is not set, in its order, and has each set name once", () => {
    const text = "# Do not edit\nwork_mem = '1MB'\nPort = 1\n\nshared_buffers = '2MB'\nwork_mem = '3MB'\n";
    assert.equal(
      withSettings(text, { work_mem: "4MB", port: "5" }),
      "# Do not edit\nshared_buffers = '2MB'\nwork_mem = '4MB'\nport = '5'\n",
    );
  });

  test("setting the same twice is setting it once, whatever the value", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[^\r\n\0]*$/), (value) => {
        const once = withSettings("a = '1'\n", { b: value });
        assert.equal(withSettings(once, { b: value }), once);
        assert.ok(once.startsWith("a = '1'\n"));
      }),
    );
  });
});

describe("pg_control", () => {
  test("that comes by half is read again", async () => {
    const whole = Buffer.alloc(1024);
    whole.writeDoubleLE(1_234_567, 256);
    whole.writeUInt32LE(8, 248);
    const answers = ["15\n", `15\n${whole.toString("hex")}`];
    const run = async () => ({ code: 0, stdout: answers.shift() ?? "", stderr: "" });
    const place = { host: { reference: "local:", run }, node: "pg1", dataDirectory: "/data" } as unknown as Place;
    assert.equal((await control(place)).clusterState, "starting up");
  });

  test("that is damaged is told from a whole one", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1024 }), (bytes) => {
        // Random bytes never hold the mark that every control file has.
        assert.equal(parseControl(Buffer.from(bytes)), undefined);
      }),
    );
  });
});
