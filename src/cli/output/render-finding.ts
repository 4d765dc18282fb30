import type { Finding, Severity } from "../../finding/finding.ts";
import { type Layout, wrapped } from "./layout.ts";
import { remedyCommand } from "../../plan/command.ts";
import type { Style } from "./style.ts";

/** A finding as lines: how bad and what; where and which check; the evidence. */
export function renderFinding(finding: Finding, style: Style, layout: Layout): string[] {
  const severity = severityText(finding.severity, style);
  const lines = wrapped(finding.title, layout.width, `${severity}  `);
  lines.push(`  ${style.dim(`${finding.subject.name} · ${finding.code}`)}`);
  for (const { label, value } of finding.evidence) lines.push(...wrapped(value, layout.width, `    ${label}: `));
  const remedy = finding.remedy === undefined ? undefined : remedyCommand(finding.remedy);
  if (remedy !== undefined) lines.push(`    plan: ${style.cyan(remedy)}`);
  return lines;
}

export function severityText(severity: Severity, style: Style): string {
  switch (severity) {
    case "critical":
      return style.red(style.bold("critical"));
    case "warning":
      return style.yellow("warning ");
    case "info":
      return style.dim("info    ");
  }
}

const order: readonly Severity[] = ["critical", "warning", "info"];

/** The worst first, and what concerns one thing together. */
export function sortedFindings(findings: readonly Finding[]): Finding[] {
  return findings.toSorted(
    (a, b) =>
      order.indexOf(a.severity) - order.indexOf(b.severity) ||
      a.subject.name.localeCompare(b.subject.name, "en") ||
      a.code.localeCompare(b.code, "en"),
  );
}
