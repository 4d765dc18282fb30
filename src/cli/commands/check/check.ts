import { BlackstartError } from "../../../base/error.ts";
import type { Finding } from "../../../finding/finding.ts";
import { misplacedNodes } from "../../../mitigate/readiness/check-ready.ts";
import { systemWarnings } from "../../../system/warnings.ts";
import { type DatedPromise, readPromises } from "../../../timeline/promise-record.ts";
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
  const promises = await promisesOf(context, Object.keys(system.clusters));
  const [checked, misplaced] = await Promise.all([runChecks(system, { promises }), misplacedOf(context)]);
  const findings = sortedFindings([...checked, ...misplaced]);
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

/** Where our own store cannot be read, the rest is checked all the same. */
async function misplacedOf(context: CommandContext): Promise<readonly Finding[]> {
  try {
    const room = { system: await context.system(), fleet: await context.fleet(), timeline: await context.timeline() };
    return await misplacedNodes(room);
  } catch (error) {
    if (!(error instanceof BlackstartError)) throw error;
    context.out.progress(`Whether each data directory is its node's own is not known: ${error.message}`);
    return [];
  }
}

/** After these, no health check has run on the node: that nothing was found there says nothing. */
const unseen: ReadonlySet<string> = new Set(["node.access-refused", "node.unreachable"]);

/** What only a plan of ours could have lowered. Where our own store cannot be read, the rest is checked all the same. */
async function promisesOf(
  context: CommandContext,
  clusters: readonly string[],
): Promise<ReadonlyMap<string, DatedPromise>> {
  try {
    return await readPromises(await context.timeline(), clusters);
  } catch (error) {
    if (!(error instanceof BlackstartError)) throw error;
    context.out.progress(`What plans have changed is not known: ${error.message}`);
    return new Map();
  }
}
