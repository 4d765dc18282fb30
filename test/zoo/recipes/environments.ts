import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Recipe } from "../recipe.ts";
import { own } from "../build.ts";
import { replicationConninfo } from "../conninfo.ts";
import { becoming } from "../server.ts";
import { until } from "../zoo.ts";

/* Where the servers run, and how they are reached. */

const withoutDebian = existsSync("/usr/bin/pg_createcluster") ? false : "there is no pg_createcluster";
const withoutRoot = process.getuid?.() === 0 ? false : "only root may";
const withoutFaketime = existsSync("/usr/bin/faketime") ? false : "there is no faketime";

export const environments: readonly Recipe[] = [
  {
    name: "debian-layout",
    about: "Made by pg_createcluster on each machine: configuration outside of the data directory, all called 15/main.",
    skip: withoutDebian || withoutRoot,
    layout: "debian",
    // As pg_basebackup -R leaves it: the name is that of cluster_name.
    nodes: { pg1: {}, pg2: { conninfo: "" }, pg3: { conninfo: "" } },
    synchronous: '"15/main"',
    synchronousNodes: ["pg2", "pg3"],
  },
  { name: "tls-only", about: "hostssl alone, with a certificate that each machine has signed itself.", tls: true },
  { name: "passfile", about: "scram-sha-256; each machine has the passwords in a passfile.", passwords: true },
  { name: "disks", about: "A tablespace and the WAL lie on disks of their own.", disks: true },
  { name: "mounted", about: "The data directory itself is a mount.", skip: withoutRoot, mounted: true },
  {
    name: "containers",
    about: "Each server in a mount namespace; all have their data at the same path.",
    skip: withoutRoot,
    containers: true,
  },
  { name: "far-away", about: "Blackstart is 100 ms away from each server.", distanceMs: 100 },
  {
    name: "wrong-clock",
    about: "The second's clock is two hours slow.",
    skip: withoutFaketime,
    nodes: { pg1: {}, pg2: { inFrontOf: ["faketime", "-f", "-2h"] }, pg3: {} },
  },
  {
    name: "stranger",
    about: "Somebody's pg_receivewal streams under the name of a node.",
    isTroubled: true,
    // Commits do not hang: the stranger confirms them.
    expect: { "degrade-synchronous": { refused: "already" } },
    async arrange(zoo) {
      const place = zoo.place("pg3");
      const folder = join(zoo.folder, "pg3", "run", "received");
      mkdirSync(folder);
      own(place, folder);
      const conninfo = `${replicationConninfo(zoo, "pg1")} application_name=pg2`;
      const words = [join(place.binaries, "pg_receivewal"), "-D", folder, "-d", conninfo, "--synchronous"];
      const [file = "", ...args] = [...becoming(place.account), ...words];
      spawn(file, args, { detached: true, stdio: "ignore", cwd: "/", env: place.environment }).unref();
      await until("the stranger streams", async () => {
        const sql = "select 1 from pg_stat_replication where application_name = 'pg2' and state = 'streaming'";
        return (await zoo.query("pg1", sql)).length === 2;
      });
    },
  },
];
