import type { FollowReason } from "../drivers/postgres/follow-reason.ts";
import { type Following, followingText, keepsUp } from "../drivers/postgres/following.ts";

/*
 * How a node comes back as a standby. The reason comes first, then the remedy that fits it, each once, the gentlest first:
 *
 *   aim     primary_conninfo is corrected and reloaded; the server goes on running
 *   start   a server that is down, or hangs, is started as a standby
 *   rewind  what it alone holds is kept, then taken off it
 *   clone   it is made anew from the primary; the old data directory is moved aside
 *
 * A server that serves reads is stopped for the last two only, and only where nothing less can help. What a person has
 * to put right elsewhere (pg_hba.conf of the primary, a full disk) leaves it alone.
 */

export type Remedy = "aim" | "start" | "rewind" | "clone";

export type RejoinSituation = Readonly<{
  /** `starting`: it says so (57P03). `hanging`: it runs and does not answer. `closed-to-us`: it answers, and refuses us. */
  server: "primary" | "standby" | "starting" | "hanging" | "closed-to-us" | "down" | "no-data";
  /** Of a standby that answers. */
  following?: Following;
  /** It keeps up, but streams from this standby, and commits are meant to wait for it. */
  aside?: string;
  /** Why it does not follow, or did not start, as its log says. */
  reason?: FollowReason;
  /** Why the primary does not let it in, as a login from its host has shown just now. */
  refused?: FollowReason;
  /** Its WAL beside the primary's; of one that is down only a lower bound is known, so it is never surely on the line. */
  history: "on-line" | "diverged" | "unknown";
  /** Its timeline is the primary's own: a rewind would not know where they parted, and write into the primary's line. */
  sharesTimeline: boolean;
  /** It was a primary, and was not shut down in order: where its WAL ends is not known. */
  crashed: boolean;
  /** Its host has pg_rewind, and its data allows it. */
  canRewind: boolean;
}>;

export type RejoinDecision =
  | Readonly<{ kind: "done"; how: string }>
  /** `keeps`: what it alone may hold is kept before. */
  | Readonly<{ kind: "remedy"; remedy: Remedy; keeps: boolean; because: string }>
  | Readonly<{ kind: "leave"; because: string }>;

/** Pure. @param tried the remedies that were carried out and did not suffice */
export function decideRejoin(now: RejoinSituation, tried: readonly Remedy[]): RejoinDecision {
  if (now.server === "primary") return { kind: "leave", because: "it takes writes itself" };
  if (now.server === "closed-to-us") return { kind: "leave", because: "it runs, and does not let Blackstart in" };
  if (now.following !== undefined && keepsUp(now.following) && now.aside === undefined)
    return { kind: "done", how: now.following.kind };
  const { remedies, keeps, because } = fitting(now);
  const remedy = remedies.find((one) => !tried.includes(one));
  if (remedy === undefined) return { kind: "leave", because };
  // Nothing is taken off it for a primary from which it could not get what comes after.
  if (needsTheWay.has(remedy) && now.refused !== undefined) return { kind: "leave", because: now.refused.said };
  return { kind: "remedy", remedy, keeps, because };
}

/** What makes it anew, or a part of it, and leaves it with WAL to be fetched from the primary before it starts at all. */
export const needsTheWay: ReadonlySet<Remedy> = new Set(["rewind", "clone"]);

type Fitting = Readonly<{ remedies: readonly Remedy[]; keeps: boolean; because: string }>;

function fitting(now: RejoinSituation): Fitting {
  const { following, reason } = now;
  const fit = (because: string, ...remedies: readonly Remedy[]): Fitting => ({ remedies, keeps: false, because });
  if (now.server === "no-data") return fit("it has no data directory", "clone");
  if (now.aside !== undefined && following !== undefined && keepsUp(following))
    return fit(`it streams from ${now.aside}, and can confirm no commit there`, "aim");
  if (following?.kind === "diverged") return branched(now, following.why);
  if (now.history === "diverged" || (reason?.kind === "diverged" && now.history !== "on-line"))
    return branched(now, reason?.said ?? "it holds WAL that the primary never wrote");
  if (reason?.kind === "half-rewound") return branched(now, "a rewind of it was interrupted");
  if (reason !== undefined && needsClone.has(reason.kind)) return fit(reason.said, "clone");
  if (reason !== undefined && forAPerson.has(reason.kind)) return fit(reason.said);
  const because = reason?.said ?? (following === undefined ? serverText[now.server] : `it ${followingText(following)}`);
  switch (now.server) {
    case "standby":
      return following?.kind === "replays-nothing" ? fit(because) : fit(because, "aim");
    case "starting":
      // One that replays for long says nothing of the kind: it is not disturbed.
      return reason === undefined ? fit(because) : fit(because, "start");
    case "hanging":
      return fit(because, "start");
    case "down":
      return now.crashed
        ? branched(now, "it was a primary and crashed: where its WAL ends is not known")
        : fit(because, "start");
    case "primary":
    case "closed-to-us":
      return fit(because);
  }
}

/** What it alone holds is taken off it. */
function branched(now: RejoinSituation, because: string): Fitting {
  const rewinds = now.canRewind && !now.sharesTimeline;
  return { remedies: rewinds ? ["rewind", "clone"] : ["clone"], keeps: true, because };
}

const needsClone: ReadonlySet<FollowReason["kind"]> = new Set(["wal-gone", "damaged"]);
/** No address and no restart helps. */
const forAPerson: ReadonlySet<FollowReason["kind"]> = new Set(["disk-full", "other-system", "settings"]);

const serverText: Readonly<Record<RejoinSituation["server"], string>> = {
  primary: "it takes writes itself",
  standby: "it does not follow",
  starting: "it is starting up, and has not said yet what keeps it from it",
  hanging: "it runs and does not answer",
  "closed-to-us": "it runs, and does not let Blackstart in",
  down: "it is down",
  "no-data": "it has no data directory",
};

/** What a person has to do, where a node is left alone. */
export function whatIsLeft(
  now: RejoinSituation,
  { node, primary, cluster }: Readonly<{ node: string; primary: string; cluster: string }>,
): string {
  const again = `Then \`blackstart mitigate rejoin ${cluster}/${node}\`.`;
  const declare = `declare \`replication:\` for ${primary} in the system file, as ${node} is to connect`;
  if (now.server === "primary")
    return `If ${node} is the stale one, \`blackstart mitigate demote ${cluster}/${node}\` stops it and brings it back.`;
  if (now.following?.kind === "replays-nothing")
    return `See what holds its replay up: a long query there (pg_stat_activity), or a record that it cannot read (its log). ${again}`;
  switch ((now.refused ?? now.reason)?.kind) {
    case "not-let-in":
      return `Let it in: a line for \`replication\` in pg_hba.conf of ${primary}, above those that reject it, and a reload. ${again}`;
    case "role":
      return `Let the role that it connects as log in and replicate on ${primary}, or ${declare}. ${again}`;
    case "password":
      return `Give it the right password: ${declare}, with its password. ${again}`;
    case "tls":
      return `Put right what it says of TLS, here or on ${primary}; or ${declare}. ${again}`;
    case "address":
      return `Let ${node} reach ${primary}: look at the network between them; or ${declare}. ${again}`;
    case "slot":
      return `See pg_replication_slots on ${primary} and primary_slot_name on ${node}: another may be using its slot. ${again}`;
    case "busy":
      return `Wait until ${primary} takes connections, or raise max_wal_senders or max_connections there. ${again}`;
    case "disk-full":
      return `Make room where it says that there is none. ${again}`;
    case "other-system":
      return `${node} belongs to another cluster. If it is to be part of this one, move its data directory away. ${again}`;
    case "settings":
      return `Raise on ${node} what its log names at least to the values of ${primary}. ${again}`;
    case "one-timeline":
      return `On ${node}: ALTER SYSTEM SET recovery_target_timeline = 'latest'. Then \`blackstart mitigate restart ${cluster}/${node}\`, which disconnects who reads there.`;
    default:
      return `See its log. ${again}`;
  }
}
