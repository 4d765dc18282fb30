import assert from "node:assert/strict";
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { createFleet } from "../../../src/drivers/fleet.ts";
import type { Instance } from "../../../src/drivers/postgres/instance.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { loadSystem } from "../../../src/system/load.ts";
import { withLab } from "../../support/lab.ts";
import { postgresVersions } from "../../support/postgres-versions.ts";

/* What the configuration of a node includes from inside of its data directory is its own, whatever its name. */

const own = ["cluster_name = 'pg1'", "work_mem = '11MB'", "log_line_prefix = 'pg1 '"];

const version = postgresVersions[0];

test(
  "a rewind, and a clone, leave a node the files that its configuration includes, and none of the source's",
  { skip: version?.skip ?? true },
  () =>
    withLab({ binaries: version?.binaries ?? "", standbys: ["asynchronous"] }, async (lab) => {
      const fleet = createFleet(await loadSystem(lab.systemFile));
      try {
        const [pg1, pg2] = [await instanceOf("pg1"), await instanceOf("pg2")];
        for (const one of [pg1, pg2]) include(one);
        write(pg2, "postgresql.conf.d/20-pg2.conf", "maintenance_work_mem = '22MB'\n");
        write(pg2, "node/optional", "maintenance_work_mem = '23MB'\n");
        await pg1.kill();
        await lab.promote("pg2");
        for (const way of ["rewind", "clone"]) {
          if (way === "rewind") await pg1.rewind(lab.node("pg2").url, { timeoutMs: 60_000 });
          else await pg1.clone({ ...sourceOf(lab), instance: pg2 }, { timeoutMs: 60_000 });
          const read = (file: string) => readFileSync(join(pg1.dataDirectory, file), "utf8").trim();
          assert.deepEqual(["postgresql.conf.d/10.conf", "node/settings", "own.settings"].map(read), own, way);
          assert.deepEqual(readdirSync(join(pg1.dataDirectory, "postgresql.conf.d")), ["10.conf"], way);
          assert.equal(existsSync(join(pg1.dataDirectory, "node/optional")), false, way);
          assert.equal(statSync(join(pg1.dataDirectory, "node")).uid, statSync(pg1.dataDirectory).uid);
          await pg1.writeSettings({ primary_conninfo: sourceOf(lab).replication });
          await pg1.start(60_000);
          assert.equal(await pg1.setting("maintenance_work_mem"), String(64 * 1024));
          await pg1.stop("fast", 60_000);
        }
      } finally {
        await fleet.close();
      }

      async function instanceOf(node: string): Promise<Instance> {
        const instance = await fleet.instance("ledger", node);
        assert.ok(instance);
        return instance;
      }
    }),
);

for (const isOver of [false, true])
  test(
    isOver
      ? "a clone of a directory that somebody has repaired since a rewind stopped half-way has the files that are there now"
      : "a clone after a rewind that stopped half-way has the node's own files, not the source's that it left",
    { skip: version?.skip ?? true },
    () =>
      withLab({ binaries: version?.binaries ?? "", standbys: ["asynchronous"] }, async (lab) => {
        const fleet = createFleet(await loadSystem(lab.systemFile));
        try {
          const [pg1, pg2] = [await fleet.instance("ledger", "pg1"), await fleet.instance("ledger", "pg2")];
          assert.ok(pg1 !== undefined && pg2 !== undefined);
          await pg2.kill();
          const saved = { ...pg2, dataDirectory: `${pg2.dataDirectory}.own-files` };
          mkdirSync(saved.dataDirectory);
          const settings = readFileSync(join(pg2.dataDirectory, "postgresql.conf"), "utf8");
          write(saved, "postgresql.conf", settings);
          write(saved, "included", "node/settings\n");
          write(saved, "node/settings", "work_mem = '12MB'\n");
          write(saved, "whole", "");
          const now = "port = 1\ninclude 'node/settings'\n";
          write(pg2, "postgresql.conf", now);
          write(pg2, "node/settings", "work_mem = '11MB'\n");
          if (!isOver) write(pg2, "backup_label", "blackstart: this server is being rewound\n");
          const { url, port } = lab.node("pg1");
          const replication = `host=127.0.0.1 port=${port} user=replicator`;
          await pg2.clone({ url, replication, instance: pg1 }, { timeoutMs: 60_000 });
          const read = (file: string) => readFileSync(join(pg2.dataDirectory, file), "utf8");
          assert.equal(read("postgresql.conf"), isOver ? now : settings);
          assert.equal(read("node/settings"), `work_mem = '${isOver ? 11 : 12}MB'\n`);
          assert.equal(
            existsSync(join(saved.dataDirectory, "whole")),
            false,
            "the next rewind would take it for its own",
          );
        } finally {
          await fleet.close();
        }
      }),
  );

function include(one: Instance): void {
  const lines = ["include_dir 'postgresql.conf.d'", "include = 'node/settings'", "include_if_exists node/optional"];
  appendFileSync(
    join(one.dataDirectory, "postgresql.conf"),
    `${lines.join("\n")}\ninclude '${one.dataDirectory}/own.settings'\n`,
  );
  const texts = own.map((line) => `${line.replace("pg1", one.node)}\n`);
  for (const [at, file] of ["postgresql.conf.d/10.conf", "node/settings", "own.settings"].entries())
    write(one, file, texts[at] ?? "");
}

function write({ dataDirectory }: Instance, file: string, text: string): void {
  const path = join(dataDirectory, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  const { uid, gid } = statSync(dataDirectory);
  for (const one of [path, dirname(path)]) chownSync(one, uid, gid);
}

function sourceOf(lab: Lab) {
  const { port, url } = lab.node("pg2");
  return { url, replication: `host=127.0.0.1 port=${port} user=replicator` };
}
