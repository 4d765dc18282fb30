import type { Line } from "../cli/command-line.ts";
import type { Mitigation } from "../support/invariants/claims.ts";
import type { Window, Write } from "../support/invariants/writes.ts";
import { missingOf, type Truth } from "./rest.ts";
import type { Schedule } from "./schedule.ts";

/** What a trial has shown. */
export type Verdict = Readonly<{
  lost: number;
  windows: number;
  noRest: boolean;
  /** It says that all is well, and it is not so. */
  falseClaims: number;
  hangs: number;
  /** One line for each thing that must not be. */
  failures: readonly string[];
}>;

export type Evidence = Readonly<{
  schedule: Schedule;
  truth: Truth;
  writes: readonly Write[];
  lost: readonly Write[];
  windows: readonly Window[];
  /** Writes that hung after the healing while nothing said so. */
  hangs: readonly Write[];
  /** Standbys that follow, and hold what the primary does not. */
  branches: readonly string[];
  /** That a node acknowledged after it was said to be fenced. */
  fencedWrites: readonly Write[];
  /** The service was said to work again, and no client noticed. */
  unfelt: readonly Mitigation[];
  /** What `blackstart check` says in the end. */
  findings: readonly Line[];
}>;

/** Pure. */
export function judge({ truth, lost, windows, hangs, branches, fencedWrites, unfelt, findings }: Evidence): Verdict {
  const claims = [
    ...falseClaims(truth, findings),
    ...unfelt.map(
      ({ incident }) => `${incident} was said to be mitigated, and no client's write was acknowledged then`,
    ),
    ...(fencedWrites.length === 0
      ? []
      : [`${fencedWrites[0]?.node} acknowledged ${fencedWrites.length} writes after it was fenced`]),
  ];
  const noRest = truth.writers.length !== 1 || !truth.clientsWrite;
  const failures = [
    ...(lost.length === 0 ? [] : [`${lost.length} acknowledged writes are lost, e.g. ${lostText(lost)}`]),
    ...windows.map(
      ({ older, newer, lengthMs }) =>
        `two primaries for ${Math.round(lengthMs)} ms: ${older.node} on timeline ${older.timeline}, ${newer.node} on ${newer.timeline}`,
    ),
    ...(noRest ? [`no rest: ${missingOf(truth)}`] : []),
    ...branches,
    ...hangs.slice(0, 1).map(hangText),
    ...claims,
  ];
  return {
    lost: lost.length,
    windows: windows.length,
    noRest,
    falseClaims: claims.length,
    hangs: hangs.length,
    failures,
  };
}

function hangText({ node, level, sentMs, endedMs }: Write): string {
  return `a write to ${node} with synchronous_commit ${level} hung for ${Math.round(endedMs - sentMs)} ms, and no incident was open`;
}

function lostText(lost: readonly Write[]): string {
  const { id, node, level, timeline, names } = lost[0] as Write;
  return `${id}, acknowledged by ${node} on timeline ${timeline} with synchronous_commit ${level} and synchronous_standby_names '${names}'`;
}

/** A node that does not follow, and about which nothing is said. */
function falseClaims({ writers, nodes }: Truth, findings: readonly Line[]): readonly string[] {
  const isTold = findings
    .filter(({ severity }) => severity !== "info")
    .map(({ subject, title, evidence }) => JSON.stringify([subject, title, evidence]));
  const silent = nodes.filter(
    ({ name, follows }) => !writers.includes(name) && !follows && !isTold.some((text) => text.includes(name)),
  );
  return [
    ...silent.map(({ name, role }) => `check says nothing about ${name}, which is ${role} and does not follow`),
    ...(writers.length > 1 && !findings.some(({ code }) => /primaries/.test(code))
      ? [`check says nothing about two primaries: ${writers.join(", ")}`]
      : []),
  ];
}
