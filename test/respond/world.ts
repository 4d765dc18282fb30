import type { FindingsChange } from "../../src/finding/change.ts";
import { type Finding, type Ref, refFromText } from "../../src/finding/finding.ts";
import { type System, systemSchema } from "../../src/system/schema.ts";

/** payments: api needs ledger and balances, web needs api, reports needs archive; one invariant on ledger. */
export const system: System = systemSchema.parse({
  system: "payments",
  clusters: {
    ledger: { nodes: nodes("pg1", "pg2", "pg3") },
    archive: { nodes: nodes("old1") },
  },
  caches: { balances: { redis: "redis://127.0.0.1:1" } },
  services: {
    api: { needs: ["ledger", "balances"] },
    web: { needs: ["api"] },
    reports: { needs: ["archive"] },
  },
  invariants: { "debit-credit": { cluster: "ledger", violations: "select 1" } },
  watch: { settle: "10m" },
});

function nodes(...names: string[]) {
  return Object.fromEntries(names.map((name) => [name, { url: `postgres://127.0.0.1:1/${name}` }]));
}

export const start = Date.parse("2026-11-20T03:07:00.000Z");

/** So many seconds after the start. */
export function at(seconds: number): string {
  return new Date(start + seconds * 1000).toISOString();
}

export function finding(
  code: string,
  subject: string | Ref,
  options: Partial<Pick<Finding, "severity" | "seenAt" | "lastGoodAt" | "title" | "remedy">> = {},
): Finding {
  const ref = typeof subject === "string" ? refFromText(subject) : subject;
  return {
    code,
    severity: options.severity ?? "critical",
    subject: ref,
    title: options.title ?? `${ref.name}: ${code}`,
    evidence: [{ label: "seen", value: code }],
    seenAt: options.seenAt ?? at(0),
    ...(options.remedy === undefined ? {} : { remedy: options.remedy }),
    ...(options.lastGoodAt === undefined ? {} : { lastGoodAt: options.lastGoodAt }),
  };
}

export function raised(...findings: Finding[]): FindingsChange {
  return { at: findings[0]?.seenAt ?? at(0), raised: findings, cleared: [] };
}

export function cleared(...findings: Pick<Finding, "code" | "subject">[]): FindingsChange {
  return { at: at(0), raised: [], cleared: findings.map(({ code, subject }) => ({ code, subject })) };
}
