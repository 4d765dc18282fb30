const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of `500ms`, `30s`, `5m`, `2h` or `7d`; undefined for anything else. */
export function durationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim());
  return match ? Math.round(Number(match[1]) * unitMs[match[2] as keyof typeof unitMs]) : undefined;
}

/** The duration as it is written in the file: in the largest unit that gives a whole number (90,000 is `90s`). */
export function durationText(ms: number): string {
  const unit = (["d", "h", "m", "s"] as const).find((name) => ms !== 0 && ms % unitMs[name] === 0) ?? "ms";
  return `${ms / unitMs[unit]}${unit}`;
}
