const unitsMs: Readonly<Record<string, number>> = {
  us: 0.001,
  usec: 0.001,
  ms: 1,
  msec: 1,
  s: 1000,
  sec: 1000,
  "": 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
};

/** Milliseconds of `2s`, `10`, `500ms`, `1min`; undefined for what Pacemaker takes besides (ISO 8601), and for no time. */
export function timeMs(text: string): number | undefined {
  const match = /^(\d+)\s*([a-z]*)$/i.exec(text.trim());
  const unitMs = unitsMs[(match?.[2] ?? "").toLowerCase()];
  return match === null || unitMs === undefined ? undefined : Number(match[1]) * unitMs;
}
