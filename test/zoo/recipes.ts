import { existsSync } from "node:fs";
import type { Recipe } from "./recipe.ts";

const withoutDebian = existsSync("/usr/bin/pg_createcluster") ? false : "there is no pg_createcluster";
const withoutRoot = process.getuid?.() === 0 ? false : "only root may";

export const recipes: readonly Recipe[] = [
  { name: "plain", about: "pg_basebackup -R, one synchronous and one asynchronous standby." },
  {
    name: "debian-layout",
    about: "Made by pg_createcluster on each machine: configuration outside of the data directory, all called 15/main.",
    skip: withoutDebian || withoutRoot,
    layout: "debian",
    // As pg_basebackup -R leaves it: the name is that of cluster_name.
    nodes: { pg1: {}, pg2: { conninfo: "" }, pg3: { conninfo: "" } },
    synchronous: '"15/main"',
  },
  { name: "tls-only", about: "hostssl alone, with a certificate that each machine has signed itself.", tls: true },
  { name: "passfile", about: "scram-sha-256; each machine has the passwords in a passfile.", passwords: true },
  {
    name: "no-names",
    about: "Nobody has set application_name or cluster_name: all are walreceiver.",
    nodes: { pg1: {}, pg2: { conninfo: "" }, pg3: { conninfo: "" } },
    synchronous: "*",
  },
  {
    name: "any-two",
    about: "A quorum: each commit waits for two of the three.",
    nodes: { pg1: {}, pg2: {}, pg3: {}, pg4: {} },
    synchronous: "ANY 2 (pg2, pg3, pg4)",
    promised: 2,
  },
  {
    name: "cascade",
    about: "The third streams from the second, in its rack.",
    nodes: { pg1: {}, pg2: {}, pg3: { follows: "pg2" } },
  },
  {
    name: "containers",
    about: "Each server in a mount namespace; all have their data at the same path.",
    skip: withoutRoot,
    containers: true,
  },
];
