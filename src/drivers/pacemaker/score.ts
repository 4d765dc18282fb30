/** Pacemaker's INFINITY is this number: whatever reaches it stays there, and minus infinity always wins. */
export const infinity = 1_000_000;

/** `-INFINITY`, `inf`, `+100`, `100`; undefined for what is no score (an attribute's name, say). */
export function scoreOf(text: string | undefined): number | undefined {
  const match = /^([+-]?)(?:(inf|infinity)|(\d+))$/i.exec((text ?? "").trim());
  if (match === null) return undefined;
  const magnitude = match[2] === undefined ? Math.min(infinity, Number(match[3])) : infinity;
  return match[1] === "-" ? 0 - magnitude : magnitude;
}

export function scoreText(score: number): string {
  if (score >= infinity) return "INFINITY";
  return score <= -infinity ? "-INFINITY" : String(score);
}
