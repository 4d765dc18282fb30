import type { Json, JsonObject } from "../../../base/json.ts";
import { systemClock } from "../../../base/time.ts";
import type { Evidence, Finding } from "../../../finding/finding.ts";
import type { Together } from "../../../reproduce/explore/apart.ts";
import type { Change } from "../../../reproduce/explore/changes.ts";
import type { WithoutCandidate } from "../../../reproduce/explore/blocking.ts";
import type { BlockedFinding, Report } from "../../../reproduce/explore/explore.ts";
import { type Fault, faultText } from "../../../reproduce/explore/faults.ts";
import type { Repair } from "../../../reproduce/explore/repair.ts";
import type { Live } from "./confirm.ts";
import { counted } from "../../output/quantities.ts";

/** What live clusters did, of the findings that were tried in them. */
export type Lives = ReadonlyMap<BlockedFinding, Live>;

/** What the search has found, the shortest sequences first. */
export function reportFindings(report: Report, lives: Lives): readonly Finding[] {
  const seenAt = systemClock.now();
  return [
    ...report.blocked.map((found) => ({ ...blockedFinding(found, lives.get(found)), seenAt })),
    ...report.without.filter(isFromTheBeginning).map((found) => ({ ...withoutFinding(found), seenAt })),
    ...restlessFindings(report).map((found) => ({ ...found, seenAt })),
    ...report.together.map((found) => ({ ...togetherFinding(found, report), seenAt })),
  ];
}

/** `colocation-1: score -INFINITY → -999` */
export function changeText({ of, attribute, from, to }: Change): string {
  return attribute === "direction" ? `${of}: ${to}, not ${from}` : `${of}: ${attribute} ${from} → ${to}`;
}

/** The last line of `--json`. */
export function reportJson(report: Report, lives: Lives): JsonObject {
  const { states, asked, seconds, complete } = report;
  return {
    result: "explore",
    scheduler: report.version,
    cluster: report.clusterVersion ?? null,
    states,
    asked,
    seconds: Math.round(seconds * 1000) / 1000,
    statesPerSecond: Math.round(asked / seconds),
    complete,
    assumed: report.assumed,
    blocked: report.blocked.map((found) => blockedJson(found, lives.get(found))),
    together: report.together.map(togetherJson),
    restless: report.restless.map(({ faults, moving }) => ({ faults: faultsJson(faults), moving })),
    without: report.without.map(({ clone, states }) => ({
      clone,
      states: states.length,
      faults: faultsJson(states[0]?.faults ?? []),
    })),
    repairedTogether: report.repairedTogether ?? null,
  };
}

function blockedFinding(
  { group, confirmed, repairs }: BlockedFinding,
  live: Live | undefined,
): Omit<Finding, "seenAt"> {
  const [first] = group.states;
  const [cause, ...otherCauses] = group.causes;
  const candidates = first?.candidates.join(", ") ?? "";
  const evidence: Evidence[] = [
    { label: "faults", value: sequenceText(first?.faults ?? []) },
    { label: "candidate", value: `${candidates}: the scheduler promotes there when only nodes and scores count` },
    {
      label: "blocked by",
      value:
        cause === undefined
          ? "no one constraint, and no two: with any of them removed it is still not promoted"
          : `${cause.constraints.join(" and ")}; without ${cause.constraints.length > 1 ? "both" : "it"} ${cause.promoted.join(", ")} is promoted`,
    },
    ...otherCauses.map(({ constraints, promoted }) => ({
      label: "also unblocked without",
      value: `${constraints.join(" and ")} (${promoted.join(", ")} is promoted)`,
    })),
    { label: "proof", value: proofText(confirmed) },
    ...liveEvidence(live),
    { label: "extent", value: `blocked in ${counted(group.states.length, "state")} of the search` },
  ];
  const [repair, ...alternatives] = repairs.sufficient;
  if (repair !== undefined) evidence.push({ label: "repair", value: repairText(repair) });
  for (const each of alternatives) evidence.push({ label: "or", value: repairText(each) });
  if (repair === undefined && cause !== undefined)
    evidence.push({ label: "repair", value: "none of the changes tried is enough" });
  for (const { change, faults, why } of repairs.insufficient)
    evidence.push({
      label: "not enough",
      value: `${changeText(change)}; ${why === "blocked" ? "still blocked" : "no rest"} after: ${sequenceText(faults)}`,
    });
  return {
    code: "failover.blocked",
    severity: "critical",
    subject: { kind: "cluster", name: group.clone },
    title: `Nothing is promoted, although ${candidates} could be.`,
    evidence,
  };
}

function isFromTheBeginning({ states }: WithoutCandidate): boolean {
  return states[0]?.faults.length === 0;
}

function withoutFinding({ clone }: WithoutCandidate): Omit<Finding, "seenAt"> {
  return {
    code: "failover.no-primary",
    severity: "critical",
    subject: { kind: "cluster", name: clone },
    title: "Nothing is promoted to begin with, and nobody could be: the search says nothing about this clone.",
    evidence: [
      { label: "why", value: "no node has a promotion score that allows it, or a location forbids it everywhere" },
      { label: "next", value: "give the CIB of the cluster while it works: `cibadmin --query`" },
    ],
  };
}

/** A primary that is promoted here and demoted there without end is no better than none. */
export function primaryFindsNoRest({ restless, promotables }: Report): boolean {
  return restless.some(({ moving }) => moving.some((resource) => promotables.includes(resource)));
}

/** All of them at once: they mostly have the same reason. */
function restlessFindings(report: Report): readonly Omit<Finding, "seenAt">[] {
  const { restless, promotables } = report;
  const isPrimary = primaryFindsNoRest(report);
  const first = restless.find(({ moving }) => !isPrimary || moving.some((each) => promotables.includes(each)));
  if (first === undefined) return [];
  const evidence = [
    { label: "faults", value: sequenceText(first.faults) },
    { label: "moving", value: first.moving.join(", ") },
    { label: "extent", value: `after ${counted(restless.length, "sequence")}; what these lead to was not judged` },
  ];
  const title = isPrimary
    ? "The primary finds no rest: it is promoted on one node and demoted again, on and on."
    : "The scheduler does not come to rest: each transition is followed by another one.";
  const severity = isPrimary ? "critical" : "warning";
  const subject = { kind: "cluster", name: report.clones.join(", ") } as const;
  return [{ code: "placement.restless", severity, subject, title, evidence }];
}

function proofText(confirmed: boolean): string {
  return confirmed
    ? "gone through again step by step, each transition carried out by crm_simulate: blocked"
    : "not gone through again step by step";
}

function liveEvidence(live: Live | undefined): readonly Evidence[] {
  if (live === undefined) return [];
  if ("problem" in live) return [{ label: "live", value: `could not be tried in a lab: ${live.problem}` }];
  const { found, repaired, file } = live;
  const asFound = found.outage ? "the same in a lab" : "NOT so in a lab";
  const lines: Evidence[] = [{ label: "live", value: `${asFound}: ${found.words}` }];
  if (repaired !== undefined)
    lines.push({
      label: "repaired",
      value: `${repaired.outage ? "in a lab it does NOT help" : "in a lab it helps"}: ${repaired.words}`,
    });
  lines.push({ label: "again", value: `blackstart reproduce run ${file}` });
  return lines;
}

function repairText({ change, states, blockedOtherwise, together }: Repair): string {
  const rest = blockedOtherwise > 0 ? ` but ${blockedOtherwise} that have another cause` : "";
  const holds = `${changeText(change)}; none of the ${counted(states, "state")} blocks${rest}`;
  if (together.length === 0) return `${holds}, and nothing that should be apart is together`;
  const price = together.map(
    (each) => `${each.constraint} is broken in ${counted(each.states.length, "state")}, first after: ${firstOf(each)}`,
  );
  return `${holds}. The price: ${price.join("; ")}`;
}

function togetherFinding(found: Together, { states }: Report): Omit<Finding, "seenAt"> {
  return {
    code: "placement.together",
    severity: found.absolute ? "critical" : "info",
    subject: { kind: "cluster", name: found.constraint },
    title: found.absolute
      ? "What must never be on one node is."
      : "What should be apart can come together: the score is a wish, not a rule.",
    evidence: [
      { label: "faults", value: firstOf(found) },
      { label: "node", value: found.states[0]?.node ?? "" },
      { label: "extent", value: `${found.states.length} of ${counted(states, "state")}` },
    ],
  };
}

function firstOf({ states }: Together): string {
  return sequenceText(states[0]?.reached.faults ?? []);
}

function sequenceText(faults: readonly Fault[]): string {
  return faults.length === 0 ? "none: the cluster is like this already" : faults.map(faultText).join(", then ");
}

function blockedJson({ group, confirmed, repairs }: BlockedFinding, live: Live | undefined): JsonObject {
  const [first] = group.states;
  const [repair, ...alternatives] = repairs.sufficient;
  const constraint = group.causes[0]?.constraints.join(", ") ?? null;
  return {
    clone: group.clone,
    faults: faultsJson(first?.faults ?? []),
    candidate: first?.candidates[0] ?? null,
    candidates: first?.candidates ?? [],
    constraint,
    causes: group.causes,
    states: group.states.length,
    confirmed,
    ...(live === undefined ? {} : { live: live as unknown as JsonObject }),
    repair: repair === undefined ? null : repairJson(repair, constraint),
    alternatives: alternatives.map((each) => repairJson(each, constraint)),
    insufficient: repairs.insufficient.map(({ change, faults, why }) => ({
      ...changeJson(change, constraint),
      why,
      faults: faultsJson(faults),
    })),
  };
}

function repairJson(repair: Repair, constraint: string | null): JsonObject {
  const { change, states, blockedOtherwise, together } = repair;
  return { ...changeJson(change, constraint), states, blockedOtherwise, together: together.map(togetherJson) };
}

/** A stickiness is the resource's; it is told beside the constraint that it makes harmless. */
function changeJson({ of, attribute, from, to }: Change, constraint: string | null): JsonObject {
  return attribute === "resource-stickiness"
    ? { constraint, resource: of, attribute, from, to }
    : { constraint: of, attribute, from, to };
}

function togetherJson({ constraint, absolute, states }: Together): JsonObject {
  const [first] = states;
  const faults = faultsJson(first?.reached.faults ?? []);
  return { constraint, absolute, states: states.length, node: first?.node ?? null, faults };
}

function faultsJson(faults: readonly Fault[]): readonly Json[] {
  return faults.map((fault) => ({ ...fault, text: faultText(fault) }));
}
