import { type Random, randomFrom } from "./random.ts";

/** Everything that is decided by the seed alone. What the world makes of it is another matter. */
export type Schedule = Readonly<{
  seed: number;
  animal: Breed;
  policy: Readonly<Record<"failover" | "restart" | "rejoin", "auto" | "propose">>;
  faults: readonly Fault[];
  /** From the last fault until everything is healed. */
  restMs: number;
}>;

/** What the cluster is like. */
export type Breed = Readonly<{
  /** One of the zoo's, by the name of its recipe; then the rest of this says nothing. */
  recipe?: string;
  major: number;
  standbys: number;
  /** `synchronous_standby_names`. */
  synchronous: string;
  /** How many the system file asks for. */
  promised: number;
  /** Which application_name the standbys give themselves: their own, or none: then cluster_name counts. */
  names: "own" | "cluster";
  /** `cluster_name`: the node's, or the same for all of them, as in Debian's layout. */
  clusterName: "own" | "15/main";
  walKeep: string;
  /** The data directory stands in the system file. */
  declared: boolean;
  cascade: boolean;
  /** How its hosts are reached: then the way to them can be cut. */
  hosts: "local" | "ssh";
}>;

export type Fault = Readonly<{
  kind: FaultKind;
  /** A node by name, or by what it is at that moment. */
  target: Target;
  /** For those that end by themselves. */
  forMs: number;
  when: Readonly<{ afterMs: number } | { step: string; orAfterMs: number }>;
  /** What else there is to choose, 0 ≤ n < 1. */
  dice: number;
}>;

export type Target = "primary" | "standby-1" | "standby-2";

/** With its weight: what happens often in real clusters, and what is easy to be wrong about. */
const faultKinds = [
  [6, "kill-server"],
  [4, "kill-postmaster"],
  [2, "stop-server-fast"],
  [3, "suspend-postmaster"],
  [3, "suspend-server"],
  [3, "suspend-up"],
  [3, "kill-up"],
  [3, "cut-us"],
  [3, "cut-clients"],
  [3, "cut-replication"],
  [2, "cut-host"],
  [2, "isolate"],
  [1, "terminate-backends"],
  [2, "promote-by-hand"],
  [2, "start-as-primary"],
  [2, "edit-synchronous"],
  [2, "resume-old-plan"],
  [1, "step-clock"],
  [2, "switchover"],
  [4, "start-again"],
  [2, "lag-standby"],
  [1, "pause-replay"],
] as const;
/** What makes a plan necessary: without one, no step is ever intended. */
const outages = [
  "kill-server",
  "kill-server",
  "kill-postmaster",
  "stop-server-fast",
  "suspend-server",
  "switchover",
] as const;

export type FaultKind = (typeof faultKinds)[number][1];

/** What a person did: two primaries may be the person's own. */
export const byHand: ReadonlySet<FaultKind> = new Set([
  "promote-by-hand",
  "start-as-primary",
  "edit-synchronous",
  "resume-old-plan",
]);

/** How the identifiers of a plan's steps begin: a second fault may come when one is intended. */
const steps = [
  "fence",
  "elect",
  "set-synchronous",
  "promote",
  "follow",
  "move-clients",
  "verify-write",
  "rejoin",
  "keep",
  "set-synchronous-as-meant",
  "",
] as const;

/** What there is on this machine to choose from. */
export type Choice = Readonly<{ majors: readonly number[]; recipes: readonly string[] }>;

export function scheduleOf(seed: number, { majors, recipes }: Choice): Schedule {
  const random = randomFrom(seed);
  const bred = breedOf(random, majors);
  const animal = recipes.length > 0 && random.chance(0.25) ? { ...bred, recipe: random.pick(recipes) } : bred;
  const policy = {
    failover: random.chance(0.75) ? "auto" : "propose",
    restart: random.chance(0.5) ? "auto" : "propose",
    rejoin: random.chance(0.5) ? "auto" : "propose",
  } as const;
  const count = random.weighted([
    [4, 1],
    [4, 2],
    [2, 3],
  ]);
  const later = Array.from({ length: count - 1 }, () => faultOf(random, animal, random.chance(0.6)));
  const isPlanned = later.some(({ when }) => "step" in when);
  const first = faultOf(random, animal, false);
  // A standby that lags is of interest only once the primary is gone.
  const faults = [
    isPlanned && !["lag-standby", "pause-replay"].includes(first.kind)
      ? { ...first, kind: random.pick(outages), target: "primary" as const }
      : first,
    ...later,
  ];
  return { seed, animal, policy, faults, restMs: random.between(200, 5000) };
}

function breedOf(random: Random, majors: readonly number[]): Breed {
  const standbys = random.weighted([
    [1, 1],
    [3, 2],
  ]);
  const names = random.chance(0.8) ? "own" : "cluster";
  const clusterName = names === "cluster" && random.chance(0.5) ? "15/main" : "own";
  const known = clusterName === "15/main" ? ['"15/main"'] : ["pg2", "pg3"].slice(0, standbys);
  const synchronous = random.weighted([
    [4, `FIRST 1 (${known.join(", ")})`],
    [2, `ANY 1 (${known.join(", ")})`],
    [1, "*"],
    [2, known[0] as string],
    [2, ""],
  ]);
  return {
    // Only Debian's has pg_rewind.
    major: majors.includes(15) && random.chance(0.7) ? 15 : random.pick(majors),
    standbys,
    synchronous,
    promised: synchronous === "" ? 0 : 1,
    names,
    clusterName,
    walKeep: random.chance(0.8) ? "64MB" : "0",
    declared: random.chance(0.7),
    hosts: random.chance(0.3) ? "ssh" : "local",
    cascade: standbys === 2 && names === "own" && !/FIRST 1 \(pg2, pg3\)|ANY/.test(synchronous) && random.chance(0.15),
  };
}

function faultOf(random: Random, { standbys, hosts, recipe }: Breed, isAtStep: boolean): Fault {
  const cannot = (kind: FaultKind) =>
    (recipe !== undefined && /^(cut|isolate)/.test(kind)) || (hosts === "local" && kind === "cut-host");
  return {
    kind: random.weighted(faultKinds.filter(([, kind]) => !cannot(kind))),
    target: random.weighted<Target>([
      [5, "primary"],
      [2, "standby-1"],
      ...(standbys > 1 ? ([[2, "standby-2"]] as const) : []),
    ]),
    forMs: random.between(100, 6000),
    when: isAtStep ? { step: random.pick(steps), orAfterMs: 4000 } : { afterMs: random.between(0, 1000) },
    dice: random.next(),
  };
}

export function describeFault({ kind, target, forMs, when }: Fault): string {
  const at = "step" in when ? `at ${when.step}` : `after ${when.afterMs} ms`;
  return `${kind} ${target} ${at} (for ${forMs} ms)`;
}
