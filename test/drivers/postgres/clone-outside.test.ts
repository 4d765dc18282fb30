import assert from "node:assert/strict";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import type { Host } from "../../../src/drivers/host/host.ts";
import { localHost } from "../../../src/drivers/host/local.ts";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import type { Instance } from "../../../src/drivers/postgres/instance.ts";
import { clone } from "../../../src/drivers/postgres/instance/clone.ts";
import { openInstance } from "../../../src/drivers/postgres/instance/open-instance.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { withLab } from "../../support/lab.ts";
import { noNamespaces } from "../../support/namespace.ts";
import { postgresVersions } from "../../support/postgres-versions.ts";

/* A clone of a server of which a part lies outside of its data directory. */

const version = postgresVersions[0];
const binaries = version?.binaries ?? "";

describe("cloning", { skip: version?.skip ?? true }, () => {
  test("maps tablespaces and keeps pg_wal on its disk; what was there lies aside", () =>
    withPair(async ({ lab, pg1, pg2 }) => {
      await pg2.kill();
      const location = folder(lab, pg1, "space");
      const wal = folder(lab, pg2, "wal-of-pg2");
      await on(lab, "pg1", `create tablespace space location '${location}'`);
      await on(lab, "pg1", "create table t tablespace space as select 1 as i");
      renameSync(join(pg2.dataDirectory, "pg_wal"), join(wal, "pg_wal"));
      symlinkSync(join(wal, "pg_wal"), join(pg2.dataDirectory, "pg_wal"));

      // First it gets a place of its own, beside the primary's; then it has one, where the old is moved aside.
      for (const expected of [[], [`space.pg2.aside`]]) {
        const { movedAside } = await pg2.clone(sourceOf(lab, pg1), { timeoutMs: 60_000 });
        assert.ok(movedAside);
        await follow(lab, pg2);
        await until(async () => (await on(lab, "pg2", "select i from t")).length === 1);
        const [link = ""] = readdirSync(join(pg2.dataDirectory, "pg_tblspc"));
        assert.equal(readlinkSync(join(pg2.dataDirectory, "pg_tblspc", link)), `${location}.pg2`);
        assert.equal(readlinkSync(join(pg2.dataDirectory, "pg_wal")), join(wal, "pg_wal"));
        assert.ok(readlinkSync(join(movedAside, "pg_wal")).startsWith(join(wal, "pg_wal.aside-")));
        const names = readdirSync(dirname(location)).map((name) => basename(name).replace(/aside-.*/, "aside"));
        assert.deepEqual(
          names.filter((name) => name.startsWith("space.pg2.aside")),
          expected,
        );
        assert.equal((await on(lab, "pg1", "select i from t")).length, 1);
        await pg2.kill();
      }
    }));

  test(
    "a data directory that is a mount is refused, with the command that a person would run",
    { skip: noNamespaces },
    () =>
      withPair(async ({ lab, pg1, pg2 }) => {
        await pg2.kill();
        const { dataDirectory } = pg2;
        const place = {
          node: "pg2",
          dataDirectory,
          configFile: undefined,
          binaries,
          start: undefined,
          stop: undefined,
        };
        const source = { ...sourceOf(lab, pg1), place: undefined };
        await assert.rejects(
          clone({ ...place, host: withMountAt(dataDirectory) }, binaries, source, { timeoutMs: 60_000 }),
          {
            code: "NOT_POSSIBLE_NOW",
            why: /is a file system of its own/,
            next: new RegExp(`pg_basebackup -D '${dataDirectory}' -d 'host=.*' -X stream -c fast -R`),
          },
        );
        assert.ok(existsSync(join(dataDirectory, "PG_VERSION")));
      }),
  );
});

type Pair = Readonly<{ lab: Lab; pg1: Instance; pg2: Instance }>;

async function withPair(use: (pair: Pair) => Promise<void>): Promise<void> {
  await withLab({ binaries, standbys: ["asynchronous"] }, async (lab) => {
    const open = (node: string) => {
      const place = { configFile: undefined, binaries, start: undefined, stop: undefined };
      return openInstance({ host: localHost(), node, dataDirectory: lab.node(node).dataDirectory, ...place });
    };
    await use({ lab, pg1: open("pg1"), pg2: open("pg2") });
  });
}

function sourceOf(lab: Lab, instance: Instance) {
  const { url, port } = lab.node("pg1");
  return { url, replication: `host=127.0.0.1 port=${port} user=replicator`, instance };
}

/** That of the account of a server, in the lab's directory. */
function folder(lab: Lab, { dataDirectory }: Instance, name: string): string {
  const outer = join(lab.directory, `outer-${name}`);
  const path = join(outer, name);
  const { uid, gid } = statSync(dataDirectory);
  for (const one of [outer, path]) {
    mkdirSync(one);
    chownSync(one, uid, gid);
  }
  return path;
}

async function follow(lab: Lab, instance: Instance): Promise<void> {
  const conninfo = `host=127.0.0.1 port=${lab.node("pg1").port} user=replicator application_name=pg2`;
  await instance.writeSettings({ primary_conninfo: conninfo });
  await instance.start(60_000);
}

async function on(lab: Lab, node: string, query: string): Promise<readonly object[]> {
  return withConnection(lab.node(node).url, {}, (connection) => connection.query(query));
}

/** This machine, with a file system of its own at a directory. */
function withMountAt(directory: string): Host {
  const inner = `mount -t tmpfs none "$1" && script=$2 && shift 2 && exec sh -c "$script" sh "$@"`;
  return {
    reference: "local:",
    run: (command) =>
      localHost().run({
        ...command,
        script: `exec unshare -m sh -c '${inner}' sh "$@"`,
        args: [directory, command.script, ...(command.args ?? [])],
      }),
  };
}

async function until(ask: () => Promise<boolean>): Promise<void> {
  const held = await pollUntil(async () => ((await ask()) ? true : undefined), { everyMs: 10, timeoutMs: 60_000 });
  assert.ok(held, "the state was not reached within 60 s");
}
