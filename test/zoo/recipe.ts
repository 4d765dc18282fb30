import type { Zoo } from "./zoo.ts";

/**
 * What `mitigate` makes of an outage here. `refused`: by this rule, or, with `orDone`, done, where it depends on how far a
 * standby has come. `next`: the plan says that it leads half-way only, and these words go on from there. `impossible`: why
 * there is no such outage of it. What is done must be done well in any case.
 */
export type Expectation =
  | "done"
  | Readonly<{ refused: string; orDone?: boolean }>
  | Readonly<{ next: readonly string[] }>
  | Readonly<{ impossible: string }>;

export type OutageName =
  | "failover"
  | "switchover"
  | "restart"
  | "restart-primary"
  | "rejoin"
  | "degrade-synchronous"
  | "demote";

export type Settings = Readonly<Record<string, string>>;

export type NodeRecipe = Readonly<{
  /** From which other node it streams; default: the first, which is the primary. */
  follows?: string;
  settings?: Settings;
  /** Instead of `application_name=<its name>`. */
  conninfo?: string;
  /** Words in front of `postgres`. */
  inFrontOf?: readonly string[];
  /** It has no primary_conninfo: it lives on the archive. */
  archiveOnly?: boolean;
  /** It replays late, or not at all, by its owner's wish; what it has received counts. */
  replaysLate?: boolean;
}>;

/** A cluster as it is found: what it has that a plain one (`plain` in recipes.ts) has not. */
export type Recipe = Readonly<{
  name: string;
  /** Where such a cluster is met, in a sentence. */
  about: string;
  /** Why there can be none on this machine. */
  skip?: string | false;
  /** The first and the last major version that know it. */
  since?: number;
  until?: number;
  /** Debian: made by pg_createcluster, its configuration outside of the data directory, started by pg_ctlcluster. */
  layout?: "debian";
  /** `hostssl` only, with a certificate that nobody signed. */
  tls?: boolean;
  /** scram-sha-256; the passwords stand in a passfile. */
  passwords?: boolean;
  /** Each data directory lies at the same path, in a mount namespace of its own. */
  containers?: boolean;
  /** Tablespace and WAL of each node on disks of their own. */
  disks?: boolean;
  /** The data directory itself is a mount. */
  mounted?: boolean;
  /** So far away is each server from Blackstart. */
  distanceMs?: number;
  settings?: Settings;
  /** `synchronous_standby_names`; default: `FIRST 1 (pg2)`. */
  synchronous?: string;
  /** Whose death together makes commits wait; default: pg2. */
  synchronousNodes?: readonly string[];
  /** Something in it would do harm one day: `check` may well call it critical. */
  isTroubled?: boolean;
  /** They do not follow even while all is well, or not at once, and need not afterwards. */
  strays?: readonly string[];
  /** Its clients do not wait for the disk: what a crash takes from them is no plan's loss. */
  hasty?: boolean;
  /** By name; default: pg1, pg2, pg3, the first being the primary. */
  nodes?: Readonly<Record<string, NodeRecipe>>;
  /** Carried out once on the primary, before there is a standby. */
  sql?: readonly string[];
  /** `synchronous:` in the system file; default: 1, or 0 where nobody is synchronous. */
  promised?: number;
  /** Further lines of the system file for a node, e.g. `data: …`. */
  nodeLines?: (zoo: Zoo, node: string) => readonly string[];
  /** In the files of a node, before it is started for the first time. */
  prepare?: (zoo: Zoo, node: string) => Promise<void> | void;
  /** Once all of it runs. */
  arrange?: (zoo: Zoo) => Promise<void>;
  expect?: Partial<Readonly<Record<OutageName, Expectation>>>;
}>;

export function nodesOf(recipe: Recipe): Readonly<Record<string, NodeRecipe>> {
  return recipe.nodes ?? { pg1: {}, pg2: {}, pg3: {} };
}
