import { get } from "./http.ts";

/** Two running counts of a service: requests it was sent, and those of them that failed. */
export type Counts = Readonly<{ requests: number; failed: number }>;

/**
 * Reads two counters from Prometheus text. Series of the same name with different labels are added up. Answers undefined
 * when the service does not answer or has no such counter: it may be down, that is what the probe is for.
 */
export async function readCounts(
  source: { url: string; requests: string; failed: string },
  timeoutMs: number,
): Promise<Counts | undefined> {
  try {
    const { status, body } = await get(source.url, timeoutMs, { bodyBytesMax: 4 << 20 });
    if (status !== 200) return undefined;
    const requests = sumOf(body, source.requests);
    const failed = sumOf(body, source.failed);
    // A counter with labels is not there before its first failure; one that is missing while the other is there is 0.
    return requests === undefined ? undefined : { requests, failed: failed ?? 0 };
  } catch {
    return undefined; // No counts at this moment: the impact is then told from the counts before and after.
  }
}

/**
 * The sum of all series that `selector` names: `http_requests_total`, or with labels that must be there,
 * `http_requests_total{code="500"}`. Format: Prometheus, “Text-based format”.
 */
export function sumOf(text: string, selector: string): number | undefined {
  const [, name, labels] = /^\s*([^\s{]+)\s*(?:\{(.*)\})?\s*$/.exec(selector) ?? [];
  const wanted = labelsOf(labels ?? "");
  let sum: number | undefined;
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)\s*(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/.exec(line);
    if (match === null || match[1] !== name) continue;
    const has = labelsOf(match[2] ?? "");
    if (![...wanted].every(([label, value]) => has.get(label) === value)) continue;
    const value = Number(match[3]);
    if (Number.isFinite(value)) sum = (sum ?? 0) + value;
  }
  return sum;
}

function labelsOf(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"/g)].map((match) => [match[1] ?? "", match[2] ?? ""]),
  );
}
