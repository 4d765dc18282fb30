import type { JsonObject } from "../../../base/json.ts";
import { systemClock } from "../../../base/time.ts";
import type { Evidence, Finding } from "../../../finding/finding.ts";
import type { LiveFinding, LiveReport } from "../../../reproduce/explore/live/explore.ts";
import { sequenceText, type Step, stepText } from "../../../reproduce/explore/live/faults.ts";
import type { LiveCluster } from "../../../reproduce/explore/live/scenario.ts";
import { candidatesOf, type NodeAtRest, nodesText, type Trouble } from "../../../reproduce/trial/rest.ts";
import { counted, durationText } from "../../output/quantities.ts";

/** @param file the scenario that was written of it */
export function liveFinding(
  found: LiveFinding,
  cluster: LiveCluster,
  quietForMs: number,
  file: string | undefined,
): Finding {
  const { rest, faults, trouble, seen, trials, more } = found;
  const evidence: Evidence[] = [{ label: "faults", value: sequenceText(faults) }];
  if (trouble === "blocked")
    for (const node of candidatesOf(rest)) evidence.push({ label: "candidate", value: candidateText(node, cluster) });
  if (trouble === "blocked")
    evidence.push({
      label: "clients",
      value: `for ${durationText(quietForMs)} told: ${rest.refusal ?? "no answer"}`,
    });
  if (rest.automation !== undefined) evidence.push({ label: "Blackstart", value: rest.automation });
  evidence.push({ label: "state", value: nodesText(rest.nodes) });
  evidence.push({ label: "seen", value: `in ${seen} of ${counted(trials, "trial")} of this sequence` });
  if (more > 0)
    evidence.push({ label: "extent", value: `and in ${counted(more, "state")} that these and other faults lead to` });
  if (file !== undefined) evidence.push({ label: "run", value: `blackstart reproduce run ${file}` });
  return {
    code: codes[trouble],
    severity: "critical",
    subject: { kind: "cluster", name: cluster.manager },
    title: titleOf(found),
    evidence,
    seenAt: systemClock.now(),
  };
}

/**
 * @param given.made so many trials were made now; the others were known
 * @param given.interrupted also where only the repeating of what was found was
 */
export function liveSummary(
  report: LiveReport,
  { made, faultsMax, interrupted }: Readonly<{ made: number; faultsMax: number; interrupted: boolean }>,
): readonly string[] {
  const { reached, trials, seconds, findings, failed, ended } = report;
  const rate = perSecond(report, made);
  const speed =
    rate === null
      ? `${counted(trials, "trial")}, of which some were known`
      : `${counted(trials, "trial")} in ${durationText(seconds * 1000)}, ${rate} states a second`;
  const reach = `${counted(reached.length, "state")} within ${counted(faultsMax, "fault")}; ${speed}.`;
  const lines = [findings.length > 0 ? `\n${reach}` : reach];
  const unsettled = reached.filter(({ rest }) => !rest.settled);
  if (findings.length === 0)
    lines.push(
      `${ended === undefined ? "In none of them" : "So far in none"} a healthy node is left without its writes.`,
    );
  for (const { faults } of unsettled) lines.push(`Roles keep changing after: ${sequenceText(faults)}.`);
  for (const { faults, why } of failed) lines.push(`Could not be carried out: ${sequenceText(faults)}. ${why}`);
  const why = interrupted ? "Interrupted" : `Stopped early: --${ended} was reached`;
  const left = ended === undefined ? "Not all that was found was repeated" : "What is not listed was not ruled out";
  if (interrupted || ended !== undefined) lines.push(`${why}. ${left}; the trials are kept, and not made again.`);
  return lines;
}

/** The last line of `--json`. */
export function liveJson(
  report: LiveReport,
  given: Readonly<{
    cluster: LiveCluster;
    made: number;
    faultsMax: number;
    quietForMs: number;
    folder: string;
    files: readonly (string | undefined)[];
  }>,
): JsonObject {
  const { cluster, made, faultsMax, quietForMs, folder, files } = given;
  const { reached, trials, seconds, findings, failed, ended } = report;
  const withFiles = findings.map((found, index) => ({ found, file: files[index] ?? null }));
  const of = (trouble: Trouble) => withFiles.filter(({ found }) => found.trouble === trouble).map(findingJson);
  return {
    result: "explore",
    manager: cluster.manager,
    automation: cluster.automation,
    standbys: cluster.standbys,
    states: reached.length,
    trials,
    made,
    seconds: Math.round(seconds * 1000) / 1000,
    statesPerSecond: perSecond(report, made),
    complete: ended === undefined && failed.length === 0,
    faultsMax,
    quietForMs,
    blocked: of("blocked"),
    twoPrimaries: of("two-primaries"),
    lostWrites: of("lost-writes"),
    restless: reached.filter(({ rest }) => !rest.settled).map(({ faults }) => ({ faults: faultsJson(faults) })),
    failed: failed.map(({ faults, why }) => ({ faults: faultsJson(faults), why })),
    interrupted: ended === "interrupted",
    folder,
  };
}

function findingJson({ found, file }: Readonly<{ found: LiveFinding; file: string | null }>): JsonObject {
  const { rest, faults, seen, trials, more } = found;
  const candidates = candidatesOf(rest).map(({ name, role, manager }) => ({
    name,
    role,
    says: manager?.words ?? null,
  }));
  return {
    faults: faultsJson(faults),
    candidate: candidates[0]?.name ?? null,
    candidates,
    state: rest as unknown as JsonObject,
    seen,
    trials,
    more,
    scenario: file,
  };
}

const codes: Readonly<Record<Trouble, string>> = {
  blocked: "failover.blocked",
  "two-primaries": "roles.two-primaries",
  "lost-writes": "writes.lost",
};

function titleOf({ rest, trouble }: LiveFinding): string {
  const candidates = candidatesOf(rest).map(({ name }) => name);
  switch (trouble) {
    case "blocked":
      return `Nobody takes writes, although ${candidates.join(" or ")} could.`;
    case "two-primaries":
      return `${rest.takeWrites.join(" and ")} both take writes.`;
    case "lost-writes":
      return `${rest.lost} of ${rest.acknowledged} acknowledged writes are not there any more.`;
  }
}

function candidateText({ name, role, manager }: NodeAtRest, cluster: LiveCluster): string {
  const says = manager === undefined ? "" : `; ${cluster.manager} says of it: ${manager.words}`;
  return `${name}: no fault lies on it, its server answers as ${role}${says}`;
}

function faultsJson(faults: readonly Step[]): readonly JsonObject[] {
  return faults.map((step) => ({ ...step, text: stepText(step) }));
}

/** Null where trials were known: that tells nothing of the speed. */
function perSecond({ reached, trials, seconds }: LiveReport, made: number): number | null {
  return made < trials ? null : Math.round((reached.length / seconds) * 1000) / 1000;
}
