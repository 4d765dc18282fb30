import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { appendSettings, own } from "../build.ts";
import type { Recipe } from "../recipe.ts";
import { until, type Zoo } from "../zoo.ts";

/* Standbys that are meant to be unlike the others. */

const delayed = { settings: { recovery_min_apply_delay: "1h" }, replaysLate: true };

export const standbys: readonly Recipe[] = [
  {
    name: "cascade",
    about: "The third streams from the second, in its rack.",
    nodes: { pg1: {}, pg2: {}, pg3: { follows: "pg2" } },
  },
  {
    name: "delayed",
    about: "The third replays an hour late, against mistakes.",
    nodes: { pg1: {}, pg2: {}, pg3: delayed },
  },
  {
    name: "only-delayed",
    about: "The synchronous standby is the one that replays an hour late.",
    nodes: { pg1: {}, pg2: delayed, pg3: {} },
    // Once its receiver has ended, it asks for more WAL only when its replay has got to the end of what it holds.
    strays: ["pg2"],
    expect: {
      restart: { next: ["degrade-synchronous", "ledger"] },
      "restart-primary": { next: ["degrade-synchronous", "ledger"] },
    },
  },
  {
    name: "paused",
    about: "Somebody has paused the replay of the third, to look at something.",
    nodes: { pg1: {}, pg2: {}, pg3: { replaysLate: true } },
    arrange: async (zoo) => void (await zoo.query("pg3", "select pg_wal_replay_pause()")),
  },
  {
    name: "archive-only",
    about: "The third has no primary_conninfo: it lives on what the primary has archived.",
    nodes: { pg1: {}, pg2: {}, pg3: { archiveOnly: true, replaysLate: true } },
    settings: { archive_mode: "on" },
    prepare: archiveInto,
    arrange: async (zoo) => void (await zoo.query("pg1", "select pg_switch_wal()")),
  },
  {
    name: "no-slots",
    about: "No slots, and the primary keeps no WAL for a standby that is away.",
    settings: { wal_keep_size: "0", max_wal_size: "32MB", min_wal_size: "32MB" },
  },
  {
    name: "slots",
    about: "Each standby has a slot of its own on the primary, and the same ones are made on all by hand.",
    nodes: {
      pg1: {},
      pg2: { settings: { primary_slot_name: "pg2" } },
      pg3: { settings: { primary_slot_name: "pg3" } },
    },
    settings: { wal_keep_size: "0" },
    sql: ["pg2", "pg3"].map((name) => `select pg_create_physical_replication_slot('${name}')`),
    // A base backup takes no slots along.
    arrange: async (zoo) => void (await zoo.query("pg2", "select pg_create_physical_replication_slot('pg3')")),
  },
  {
    name: "astray",
    about: "The third cannot reach the primary any more, since somebody mistyped its port.",
    async arrange(zoo) {
      await zoo.query("pg3", "alter system set primary_conninfo = 'host=127.0.0.1 port=1 user=replicator'");
      await zoo.query("pg3", "select pg_reload_conf()");
      await until("pg3 has lost the primary", async () => {
        const rows = await zoo.query("pg1", "select 1 from pg_stat_replication where application_name = 'pg3'");
        return rows.length === 0;
      });
    },
    // Nobody has asked for the third.
    strays: ["pg3"],
  },
  {
    name: "branched",
    about: "The third was promoted once to try something, and put back as a standby: its timeline is a dead branch.",
    async arrange(zoo) {
      await zoo.query("pg3", "select pg_promote()");
      await zoo.stop("pg3");
      own(zoo.place("pg3"), join(zoo.place("pg3").data, "standby.signal"), "");
      await zoo.start("pg3");
      // What the primary writes from here on is on the one line only.
      await zoo.query("pg1", "insert into acknowledged select generate_series(-900, -1)");
    },
    strays: ["pg3"],
    // Nothing is remembered, and the standbys are on two branches: which was the primary's, only a person can say.
    expect: { failover: { refused: "primary-unknown" }, "restart-primary": { refused: "stale" } },
  },
];

function archiveInto(zoo: Zoo, node: string): void {
  const archive = join(zoo.folder, "archive");
  mkdirSync(archive, { recursive: true, mode: 0o777 });
  own(zoo.place(node), archive);
  appendSettings(zoo, node, {
    archive_command: `cp %p '${archive}/%f'`,
    restore_command: `cp '${archive}/%f' %p`,
  });
}
