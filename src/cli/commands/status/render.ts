import { lsnAhead } from "../../../drivers/postgres/lsn.ts";
import { cut, type Layout, wrapped } from "../../output/layout.ts";
import { ageText, bytesText, durationText, momentText } from "../../output/quantities.ts";
import { severityText, sortedFindings } from "../../output/render-finding.ts";
import { renderIncidentLine } from "../../output/render-incident.ts";
import type { Style } from "../../output/style.ts";
import { type Cell, renderTable } from "../../output/table.ts";
import { isInterrupted, stateText } from "../plan/find.ts";
import { openPlans } from "../plan/open.ts";
import { notFollowingCodes } from "../../../watch/assess/standbys.ts";
import { listText } from "../../../watch/assess/words.ts";
import type { EndpointLook, StatusLook } from "./look.ts";
import type { NextStep } from "./next-step.ts";

/** One screen, the most important thing last, where the eye is. */
export function renderStatus(look: StatusLook, next: NextStep | undefined, style: Style, layout: Layout): string[] {
  const blocks = [
    [`${style.bold(look.system.system)}  ${style.dim(`${momentText(look.at).slice(0, 19)} UTC`)}`],
    ...Object.keys(look.system.clusters).map((cluster) => clusterLines(look, cluster, style, layout)),
    endpointLines(look, style, layout),
    findingLines(look, style, layout),
    look.incidents
      .filter(({ status }) => status !== "resolved")
      .flatMap((incident) => renderIncidentLine(incident, look.at, style, layout)),
    planLines(look, style, layout),
    [
      look.up === undefined
        ? style.yellow("Nothing watches: `blackstart up` is not running.")
        : style.dim("`blackstart up` is running."),
      ...nextLines(next, style, layout),
    ],
  ];
  return blocks.filter((block) => block.length > 0).flatMap((block, index) => (index === 0 ? block : ["", ...block]));
}

function nextLines(next: NextStep | undefined, style: Style, { width }: Layout): string[] {
  if (next === undefined) return [style.green("Nothing to do.")];
  const line = `Next: ${style.bold(next.command)}`;
  const fits = `Next: ${next.command}  (${next.why})`.length <= width;
  return fits ? [`${line}  ${style.dim(`(${next.why})`)}`] : [line, style.dim(`      (${next.why})`)];
}

function clusterLines(look: StatusLook, cluster: string, style: Style, layout: Layout): string[] {
  const nodes = look.nodes.filter((node) => node.cluster === cluster);
  const primaries = nodes.filter(({ condition, role }) => condition === "up" && role === "primary");
  const state =
    primaries.length === 1
      ? style.green(`primary ${primaries[0]?.node}`)
      : primaries.length > 1
        ? style.red(`${primaries.length} PRIMARIES`)
        : withoutPrimary(look, cluster, nodes, style);
  const rows = nodes.map((node): Cell[] => {
    const isUp = node.condition === "up";
    const stray = strayText(look, node);
    return [
      `  ${node.node}`,
      { text: isUp ? "up" : node.condition, paint: isUp && stray === undefined ? style.green : style.red },
      isUp ? (node.role ?? "") : "",
      isUp && stray !== undefined
        ? [stray, standing(look, node, primaries[0]?.lsn ?? null)].join(", ")
        : isUp
          ? standing(look, node, primaries[0]?.lsn ?? null)
          : node.seen.replace(/^[a-z ]+: /, ""),
    ];
  });
  return [`${style.bold(cluster)}  ${state}`, ...renderTable(rows, layout)];
}

/** A node that could not be asked may be the primary, and serve everybody but us. */
function withoutPrimary(look: StatusLook, cluster: string, nodes: StatusLook["nodes"], style: Style): string {
  const unasked = nodes.filter(
    ({ condition, role }) =>
      condition === "refused" || condition === "unknown" || (condition === "up" && role === null),
  );
  const isLost = look.findings.some(({ code, subject }) => code === "cluster.no-primary" && subject.name === cluster);
  if (isLost || unasked.length === 0) return style.red("NO PRIMARY: nothing can be written");
  const refuse = unasked.length === 1 ? "refuses our login" : "refuse our login";
  const why = unasked.every(({ condition }) => condition === "refused") ? refuse : "could not be asked";
  return style.yellow(`it cannot be told who is the primary: ${listText(unasked.map(({ node }) => node))} ${why}`);
}

/** A standby that does not follow is up, and of no use as one. */
function strayText({ findings }: StatusLook, node: StatusLook["nodes"][number]): string | undefined {
  const name = `${node.cluster}/${node.node}`;
  const found = findings.find(({ code, subject }) => notFollowingCodes.has(code) && subject.name === name);
  if (found?.code === "replication.other-timeline") return `does not follow: on timeline ${node.timelineId}`;
  return found && `does not follow: ${found.code.replace("replication.", "").replace("-", " ")}`;
}

/** Of a primary its timeline; of a standby how far it is behind. */
function standing(look: StatusLook, node: StatusLook["nodes"][number], primaryLsn: string | null): string {
  const version = node.version === null ? "" : `PostgreSQL ${Math.floor(node.version / 10_000)}`;
  if (node.role === "primary") return [version, `timeline ${node.timelineId}`].filter(Boolean).join(", ");
  const sync = { sync: "synchronous", quorum: "synchronous (quorum)", async: "asynchronous", potential: "potential" }[
    look.syncStates.get(`${node.cluster}/${node.node}`) ?? ""
  ];
  const behind =
    node.lsn === null
      ? ""
      : primaryLsn === null
        ? `has received up to ${node.lsn}`
        : `${bytesText(Math.max(0, lsnAhead(primaryLsn, node.lsn)))} behind`;
  const delay =
    node.replayDelayMs === null || node.replayDelayMs < 1000 ? "" : `replays ${durationText(node.replayDelayMs)} late`;
  return [sync, behind, delay].filter(Boolean).join(", ");
}

function endpointLines({ services, caches }: StatusLook, style: Style, layout: Layout): string[] {
  const row = (kind: string, { name, outcome, detail }: EndpointLook): Cell[] => {
    const isUp = outcome === "good";
    return [
      { text: name, paint: style.bold },
      kind,
      { text: isUp ? "up" : outcome === "bad" ? "failing" : "down", paint: isUp ? style.green : style.red },
      detail,
    ];
  };
  return renderTable(
    [...services.map((each) => row("service", each)), ...caches.map((each) => row("cache", each))],
    layout,
  );
}

/** One line each: the evidence is in `blackstart check`. */
function findingLines({ findings }: StatusLook, style: Style, layout: Layout): string[] {
  return sortedFindings(findings).map(
    ({ severity, title }) => `${severityText(severity, style)}  ${cut(title, layout.width - 10)}`,
  );
}

function planLines(look: StatusLook, style: Style, layout: Layout): string[] {
  return openPlans(look).flatMap((plan) => {
    const isRed = isInterrupted(plan) || plan.state === "stopped";
    const row: Cell[] = [
      "plan",
      { text: plan.id, paint: style.bold },
      { text: stateText(plan), paint: isRed ? style.red : (text) => text },
      `${ageText(plan.plan.createdAt, look.at)} old`,
    ];
    const left = plan.state === "stopped" ? plan.stopped?.state : undefined;
    const state = left === undefined ? [] : wrapped(`when it stopped: ${left}`, layout.width, "      ");
    return [...renderTable([row], layout), ...state];
  });
}
