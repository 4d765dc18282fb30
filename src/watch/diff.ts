import type { Instant } from "../base/time.ts";
import type { FindingsChange } from "../finding/change.ts";
import { findingKey, type Finding } from "../finding/finding.ts";

export type OpenFindings = ReadonlyMap<string, Finding>;

/**
 * What became wrong and what right again. A finding that goes on keeps when it was seen first, and is told again only
 * when it weighs differently: its severity, or what would put it right, has changed.
 */
export function diffFindings(
  before: OpenFindings,
  found: readonly Finding[],
  at: Instant,
): Readonly<{ open: OpenFindings; change: FindingsChange | undefined }> {
  const open = new Map<string, Finding>();
  const raised: Finding[] = [];
  for (const finding of found) {
    const key = findingKey(finding);
    const known = before.get(key);
    const { lastGoodAt: _, ...rest } = finding;
    const kept = known === undefined ? finding : { ...rest, ...firstSeen(known) };
    open.set(key, kept);
    if (known === undefined || weighsDifferently(known, finding)) raised.push(kept);
  }
  const cleared = [...before.values()]
    .filter((finding) => !open.has(findingKey(finding)))
    .map(({ code, subject }) => ({ code, subject }));
  const changed = raised.length > 0 || cleared.length > 0;
  return { open, change: changed ? { at, raised, cleared } : undefined };
}

function firstSeen(known: Finding): Pick<Finding, "seenAt" | "lastGoodAt"> {
  return { seenAt: known.seenAt, ...(known.lastGoodAt === undefined ? {} : { lastGoodAt: known.lastGoodAt }) };
}

function weighsDifferently(known: Finding, finding: Finding): boolean {
  return known.severity !== finding.severity || known.remedy?.kind !== finding.remedy?.kind;
}
