import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createFleet } from "../../../src/drivers/fleet.ts";
import { localHost } from "../../../src/drivers/host/local.ts";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import type { Instance } from "../../../src/drivers/postgres/instance.ts";
import { openInstance } from "../../../src/drivers/postgres/instance/open-instance.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { loadSystem } from "../../../src/system/load.ts";
import { withLab } from "../../support/lab.ts";
import { noPostgres, postgresVersions } from "../../support/postgres-versions.ts";

/* A server that a unit file or a container gave settings on its command line, and for which no `start:` is declared. */

const words = `"-c" "synchronous_standby_names=ANY 1 ("a","b")" "--max-connections=57" "-c" "cluster_name=one two"`;

describe("a server is started with the command line of its last start", { skip: noPostgres }, () => {
  test("and again", () =>
    withNode({ standbys: [] }, "pg1", async ({ lab, instance }) => {
      for (const again of [false, true]) {
        await instance.stop("fast", 10_000);
        if (!again) giveWords(instance, words);
        assert.equal(await instance.setting("cluster_name"), "one two");
        await instance.start(60_000);
        const [row] = await withConnection(lab.node("pg1").url, {}, (connection) =>
          connection.query(
            "select current_setting('synchronous_standby_names') as names, current_setting('max_connections') as most",
          ),
        );
        assert.deepEqual(row, { names: 'ANY 1 ("a","b")', most: "57" });
      }
    }));

  test("which is its own after a clone", () =>
    withNode({ standbys: ["asynchronous"] }, "pg2", async ({ lab, instance, source }) => {
      await instance.stop("fast", 10_000);
      giveWords(instance, words);
      const before = opts(instance);
      const { url, port } = lab.node("pg1");
      const replication = `host=127.0.0.1 port=${port} user=replicator`;
      await instance.clone({ url, replication, instance: source }, { timeoutMs: 60_000 });
      assert.equal(opts(instance), before);
    }));

  test("not where that can be read in two ways, unless `start:` is declared", () =>
    withNode({ standbys: [] }, "pg1", async ({ instance }) => {
      assert.equal((await instance.remains()).unrepeatable, undefined);
      await instance.stop("fast", 10_000);
      giveWords(instance, `"-c" "archive_command=cp "%p" "/archive/%f""`);
      assert.equal((await instance.remains()).unrepeatable, true);
      await assert.rejects(instance.start(60_000), { code: "NOT_POSSIBLE_NOW", next: /`start:`/ });
      assert.equal((await instance.inspect()).state, "down");
      const { node, dataDirectory } = instance;
      const place = { host: localHost(), node, dataDirectory, configFile: undefined, binaries: undefined };
      const declared = openInstance({ ...place, start: "true", stop: undefined });
      assert.equal((await declared.remains()).unrepeatable, undefined);
    }));
});

const rewinding = postgresVersions[0];

test("the command line of a server is its own after a rewind", { skip: rewinding?.skip ?? true }, () =>
  withNode({ binaries: rewinding?.binaries ?? "", standbys: ["asynchronous"] }, "pg1", async ({ lab, instance }) => {
    const write = (node: string, query: string) =>
      withConnection(lab.node(node).url, {}, (connection) => connection.query(query));
    await write("pg2", "select pg_promote()");
    await write("pg1", "create table only_here (i int)");
    await instance.stop("fast", 10_000);
    giveWords(instance, words);
    const before = opts(instance);
    await instance.rewind(lab.node("pg2").url, { timeoutMs: 60_000 });
    assert.equal(opts(instance), before);
  }),
);

type Node = Readonly<{ lab: Lab; instance: Instance; source: Instance }>;

async function withNode(options: Parameters<typeof withLab>[0], node: string, use: (node: Node) => Promise<void>) {
  await withLab(options, async (lab) => {
    const fleet = createFleet(await loadSystem(lab.systemFile));
    try {
      const [instance, source] = [await fleet.instance("ledger", node), await fleet.instance("ledger", "pg1")];
      assert.ok(instance && source);
      await use({ lab, instance, source });
    } finally {
      await fleet.close();
    }
  });
}

/** As if whatever started it last had given it these as well. */
function giveWords(instance: Instance, more: string): void {
  writeFileSync(join(instance.dataDirectory, "postmaster.opts"), `${opts(instance).trimEnd()} ${more}\n`);
}

function opts(instance: Instance): string {
  return readFileSync(join(instance.dataDirectory, "postmaster.opts"), "utf8");
}
