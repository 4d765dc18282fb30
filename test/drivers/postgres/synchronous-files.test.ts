import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { localHost } from "../../../src/drivers/host/local.ts";
import { openInstance } from "../../../src/drivers/postgres/instance/open-instance.ts";
import { configuredSynchronous, unreadable } from "../../../src/drivers/postgres/instance/synchronous-files.ts";
import { parseSynchronousNames } from "../../../src/drivers/postgres/synchronous-names.ts";
import { commitLevel } from "../../../src/mitigate/commit-level.ts";
import { withFolder } from "../../support/folder.ts";

type Files = Readonly<Record<string, string>>;

const cases: readonly (readonly [name: string, files: Files, names: string, commit: string])[] = [
  ["nothing is set", { "postgresql.conf": "#synchronous_commit = off\n" }, "", "on"],
  [
    "the last line wins",
    { "postgresql.conf": "synchronous_standby_names = 'a'\nSynchronous_Standby_Names 'b' # c\n" },
    "b",
    "on",
  ],
  [
    "an included folder and file",
    {
      "postgresql.conf": "synchronous_commit = on\ninclude_dir = 'conf.d'\ninclude 'more.conf'\n",
      "conf.d/x.conf": "synchronous_standby_names = 'pg2'",
      "more.conf": "synchronous_commit = local",
    },
    "pg2",
    "local",
  ],
  [
    "what stands behind an included file",
    {
      "postgresql.conf": "include_dir = 'conf.d'\nsynchronous_standby_names = ''\n",
      "conf.d/x.conf": "synchronous_standby_names = 'pg2'\ninclude 'deep/more.conf'\n",
      "conf.d/deep/more.conf": "synchronous_commit = off\n",
    },
    "",
    "off",
  ],
  [
    "ALTER SYSTEM over the file, the command line over both",
    {
      "postgresql.conf": "synchronous_commit = off\nsynchronous_standby_names = 'a'\n",
      "postgresql.auto.conf": "synchronous_commit = 'remote_write'\nsynchronous_standby_names = 'b'\n",
      "postmaster.opts": '/usr/lib/postgres "-D" "/x" "-c" "synchronous_standby_names=ANY 1 (a, b)"\n',
    },
    "ANY 1 (a, b)",
    "remote_write",
  ],
  [
    "the command line with hyphens",
    { "postgresql.conf": "", "postmaster.opts": '/usr/lib/postgres "--synchronous-commit=off"\n' },
    "",
    "off",
  ],
  [
    "names with quotes on the command line, which escapes nothing",
    { "postgresql.conf": "", "postmaster.opts": '/x/postgres "-c" "synchronous_standby_names=ANY 1 ("a","b")" "-F"\n' },
    'ANY 1 ("a","b")',
    "on",
  ],
  [
    "the command line in one word",
    { "postgresql.conf": "", "postmaster.opts": '/x/postgres "-D" "/d" "-csynchronous_commit=off"\n' },
    "",
    "off",
  ],
  [
    "a command line that can be read in two ways",
    {
      "postgresql.conf": "synchronous_commit = local",
      "postmaster.opts": '/x/postgres "-c" "archive_command=cp "%p" "/a/%f"" "-c" "synchronous_commit=off"\n',
    },
    "",
    unreadable,
  ],
  [
    "a line that no server takes",
    { "postgresql.conf": "synchronous_standby_names = 'a\nsynchronous_commit = off" },
    unreadable,
    "off",
  ],
];

for (const [name, files, names, commit] of cases)
  test(`the synchronous settings in a dead server's files: ${name}`, () =>
    withFolder(async (folder) => {
      mkdirSync(join(folder, "conf.d/deep"), { recursive: true });
      for (const [file, text] of Object.entries({ "postgresql.auto.conf": "", ...files }))
        writeFileSync(join(folder, file), text);
      assert.deepEqual(await configuredSynchronous(placeOf(folder)), {
        synchronousStandbyNames: names,
        synchronousCommit: commit,
      });
    }));

test("what is set and cannot be read is understood nowhere", () => {
  assert.throws(() => parseSynchronousNames(unreadable), SyntaxError);
  assert.equal(commitLevel(unreadable), undefined);
});

test("files that are not there say nothing", () =>
  withFolder(async (folder) => {
    await assert.rejects(configuredSynchronous(placeOf(folder)), { code: "HOST_COMMAND_FAILED" });
    const { state, disk, configured } = await openInstance(placeOf(folder)).remains();
    assert.deepEqual([state.state, disk, configured], ["no-data", undefined, undefined]);
  }));

function placeOf(dataDirectory: string) {
  const own = { configFile: undefined, binaries: undefined, start: undefined, stop: undefined };
  return { host: localHost(), node: "pg1", dataDirectory, ...own };
}
