import { type Random, randomFrom } from "./random.ts";

/** Everything that is decided by the seed alone. What the world makes of it is another matter. */
export type Schedule = Readonly<{
  seed: number;
  animal: Breed;
  policy: Readonly<{ failover: "auto" | "propose"; restart: "auto" | "propose" }>;
  faults: readonly Fault[];
  /** From the last fault until everything is healed. */
  restMs: number;
}>;

/** What the cluster is like. */
export type Breed = Readonly<{
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
  [2, "isolate"],
  [1, "terminate-backends"],
  [2, "promote-by-hand"],
  [1, "start-as-primary"],
  [1, "edit-synchronous"],
  [1, "resume-old-plan"],
  [1, "step-clock"],
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

export function scheduleOf(seed: number, majors: readonly number[]): Schedule {
  const random = randomFrom(seed);
  const animal = breedOf(random, majors);
  const policy = {
    failover: random.chance(0.75) ? "auto" : "propose",
    restart: random.chance(0.5) ? "auto" : "propose",
  } as const;
  const count = random.weighted([
    [5, 1],
    [3, 2],
    [1, 3],
  ]);
  const faults = Array.from({ length: count }, (_, at) => faultOf(random, at, animal));
  return { seed, animal, policy, faults, restMs: random.between(200, 2500) };
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
    cascade: standbys === 2 && names === "own" && !/FIRST 1 \(pg2, pg3\)|ANY/.test(synchronous) && random.chance(0.15),
  };
}

function faultOf(random: Random, at: number, { standbys }: Breed): Fault {
  const afterMs = random.between(0, at === 0 ? 300 : 1500);
  const isAtStep = at > 0 && random.chance(0.6);
  return {
    kind: random.weighted(faultKinds),
    target: random.weighted<Target>([
      [at === 0 ? 6 : 3, "primary"],
      [2, "standby-1"],
      ...(standbys > 1 ? ([[2, "standby-2"]] as const) : []),
    ]),
    forMs: random.between(100, 4000),
    when: isAtStep ? { step: random.pick(steps), orAfterMs: 2500 } : { afterMs },
    dice: random.next(),
  };
}

export function describeFault({ kind, target, forMs, when }: Fault): string {
  const at = "step" in when ? `at ${when.step}` : `after ${when.afterMs} ms`;
  return `${kind} ${target} ${at} (for ${forMs} ms)`;
}
