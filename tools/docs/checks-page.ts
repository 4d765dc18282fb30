import { thresholdsSchema } from "../../src/system/thresholds.ts";
import type { HealthCheck } from "../../src/watch/checks/health-check.ts";
import { healthChecks } from "../../src/watch/checks/list.ts";

/** The reference of health checks, from what each check says of itself; a test holds that against what it finds. */
export function checksPage(): string {
  return `<!-- Generated from src/watch/checks by \`npm run docs\`; change it there. -->

# Health checks

\`blackstart check\` runs each once; \`blackstart up\` runs each on every node, one after the other, a round every
\`watch.checks\` (default: a minute). A check is one query that only reads, with a statement and a lock time-out; a role with
\`pg_monitor\` may run them all. What could not be run is told as \`watch.check-failed\`, never as well. Whether a node lives,
who is the primary, and whether the standbys follow is not asked by these: the heartbeat tells it ([findings](findings.md)).

A critical finding opens an incident, and makes \`blackstart check\` end with exit code 1. So does a node that could not be
looked at: that nothing was found there says nothing.

**Another threshold:** \`watch: { thresholds: { connections.usedPercent: 90 } }\` in blackstart.yaml.
**Not to be told:** \`watch: { ignore: [checksums.off] }\`, or of one node only:
\`watch: { ignore: ["checksums.off node:ledger/pg1"] }\`.

${healthChecks.map(checkText).join("\n")}`;
}

function checkText({ name, title, appliesTo, finds, thresholds, advice }: HealthCheck): string {
  const where = appliesTo === "every" ? "Runs on every node." : `Runs on a ${appliesTo}.`;
  const rows = Object.entries(finds).map(
    ([code, { severities, when }]) => `| \`${code}\` | ${severities.join(", ")} | ${when} |`,
  );
  const defaults = thresholds.map((threshold) => `\`${threshold}\` ${limits[threshold].toLocaleString("en-US")}`);
  return `## ${name}

${title}. ${where}

| code | severity | when |
|---|---|---|
${rows.join("\n")}

${defaults.length === 0 ? "" : `Thresholds: ${defaults.join(", ")}.\n\n`}What to do: ${advice}
`;
}

const limits = thresholdsSchema.parse(undefined);
