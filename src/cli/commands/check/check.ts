import { systemWarnings } from "../../../system/warnings.ts";
import { runChecks } from "../../../watch/check.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { counted } from "../../output/quantities.ts";
import { sortedFindings } from "../../output/render-finding.ts";

export async function checkCommand(context: CommandContext): Promise<Outcome> {
  const { out } = context;
  const system = await context.system();
  for (const { path, message } of systemWarnings(system)) out.progress(`${path}: ${message}`);
  const nodes = Object.values(system.clusters).reduce((sum, cluster) => sum + Object.keys(cluster.nodes).length, 0);
  out.progress(`Checking ${counted(nodes, "node")} …`);
  const findings = sortedFindings(await runChecks(system));
  findings.forEach((finding, index) => {
    if (index > 0) out.text("");
    out.finding(finding);
  });
  const count = (severity: string) => findings.filter((finding) => finding.severity === severity).length;
  const figures = { critical: count("critical"), warning: count("warning"), info: count("info") };
  out.text(
    ...(findings.length === 0 ? [] : [""]),
    findings.length === 0
      ? out.style.green("Nothing is wrong.")
      : `${figures.critical} critical, ${counted(figures.warning, "warning")}, ${figures.info} for information`,
  );
  const notLookedAt = findings.filter(({ code }) => unseen.has(code)).map(({ subject }) => subject.name);
  if (notLookedAt.length > 0) out.text(out.style.yellow(`Not looked at: ${notLookedAt.join(", ")}.`));
  return { exitCode: figures.critical > 0 || notLookedAt.length > 0 ? 1 : 0, result: { ...figures, notLookedAt } };
}

/** After these, no health check has run on the node: that nothing was found there says nothing. */
const unseen: ReadonlySet<string> = new Set(["node.access-refused", "node.unreachable"]);
