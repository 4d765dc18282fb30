import type { Finding } from "../../../finding/finding.ts";
import { checkReady, type Readiness } from "../../../mitigate/readiness/check-ready.ts";
import type { Rehearsed } from "../../../mitigate/readiness/rehearse.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { counted } from "../../output/quantities.ts";
import { sortedFindings } from "../../output/render-finding.ts";

/** `blackstart check --ready`: would a failover, a switchover, a rejoin work tonight? */
export async function checkReadyCommand(context: CommandContext): Promise<Outcome> {
  const { out } = context;
  const system = await context.system();
  const room = { system, fleet: await context.fleet(), timeline: await context.timeline() };
  out.progress("Rehearsing what would be planned tonight, and trying what the steps would need …");
  const all = await checkReady(room);
  const findings = sortedFindings(all.flatMap((one) => one.findings));
  findings.forEach((finding, index) => {
    if (index > 0) out.text("");
    out.finding(finding);
  });
  if (findings.length > 0) out.text("");
  for (const { cluster, tried } of all) for (const line of linesOf(cluster, tried)) out.text(line);
  out.text(
    "Not tried, because only the real thing could show it: the promotion itself, the fence command, your start and stop commands.",
  );
  const count = (severity: Finding["severity"]) => findings.filter((one) => one.severity === severity).length;
  const figures = { critical: count("critical"), warning: count("warning"), info: count("info") };
  out.text(verdictLine(all, figures, (text) => out.style.green(text)));
  const tried = all.flatMap((one) => one.tried.map((each) => ({ cluster: one.cluster, ...each })));
  return { exitCode: figures.critical > 0 ? 1 : 0, result: { ...figures, tried } };
}

function verdictLine(
  all: readonly Readiness[],
  { critical, warning, info }: Readonly<{ critical: number; warning: number; info: number }>,
  green: (text: string) => string,
): string {
  const tried = all.reduce((sum, one) => sum + one.tried.length, 0);
  if (critical + warning + info === 0) return green(`All ${tried} plans that were rehearsed would be carried out.`);
  return `${critical} critical, ${counted(warning, "warning")}, ${info} for information`;
}

/** `failover of ledger: ready, to pg2 or pg3` */
function linesOf(cluster: string, tried: readonly Rehearsed[]): readonly string[] {
  const kinds = [...new Set(tried.map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const own = tried.filter((one) => one.kind === kind);
    const ready = own.flatMap(({ node, verdict }) => (node !== undefined && verdict === "ready" ? [node] : []));
    const refused = own.flatMap(({ node, verdict, rule }) =>
      node !== undefined && verdict === "refused" ? [`${node} (${rule})`] : [],
    );
    const parts = [
      ready.length === 0 ? "" : `ready: ${ready.join(", ")}`,
      refused.length === 0 ? "" : `refused: ${refused.join(", ")}`,
    ];
    return `${kind.padEnd(10)} ${cluster}  ${parts.filter((one) => one !== "").join("; ") || "no standby answers"}`;
  });
}
