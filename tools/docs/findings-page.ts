import { type FindingKind, findingGroups } from "../../src/finding/catalogue.ts";

/** The reference of what the heartbeat and `check --ready` find; a test holds it against the code that finds it. */
export function findingsPage(): string {
  return `<!-- Generated from src/finding/catalogue.ts by \`npm run docs\`; change it there. -->

# Findings

What \`blackstart up\`, \`blackstart check\` and \`blackstart check --ready\` tell, but for the [health checks](checks.md). A
critical finding opens an incident, and makes \`blackstart check\` end with exit code 1; \`blackstart status\` does so for a warning, too. The plan is what
\`blackstart mitigate …\` makes for it; the finding itself, and \`blackstart status\`, give the command with the names in it.

${findingGroups.map(groupText).join("\n")}`;
}

function groupText({ title, about, kinds }: (typeof findingGroups)[number]): string {
  const rows = Object.entries(kinds).map(rowText);
  return `## ${title}

${about}

| code | severity | what it means | what to do |
|---|---|---|---|
${rows.join("\n")}
`;
}

function rowText([code, { severities, when, remedy, act }]: [string, FindingKind]): string {
  const plan = remedy === undefined ? [] : [`\`mitigate ${remedy}\`.`];
  return `| \`${code}\` | ${severities.join(", ")} | ${when} | ${[...plan, ...(act === undefined ? [] : [act])].join(" ")} |`;
}
