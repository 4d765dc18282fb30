import { type Instant, millisecondsBetween } from "../../base/time.ts";

/** `340 ms`, `4.2 s`, `3 m 12 s`, `2 h 5 m`, `3 d 4 h`: two units at most, as one says it. */
export function durationText(ms: number): string {
  if (ms < 0) return "0 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ] as const;
  const first = units.findIndex(([, size]) => ms >= size);
  const [unit, size] = units[first] ?? ["s", 1000];
  const [lesserUnit, lesserSize] = units[first + 1] ?? ["s", 1000];
  const lesser = Math.floor((ms % size) / lesserSize);
  return `${Math.floor(ms / size)} ${unit}${lesser > 0 ? ` ${lesser} ${lesserUnit}` : ""}`;
}

/** How long ago that was. */
export function ageText(since: Instant, now: Instant): string {
  return durationText(millisecondsBetween(since, now));
}

/** `0 B`, `512 B`, `1.5 MB`: powers of 1024, as PostgreSQL's pg_size_pretty. */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `2026-11-20 03:07:12.345`: an instant for people, in UTC. */
export function momentText(at: Instant): string {
  return at.replace("T", " ").replace("Z", "");
}

/** `03:07:12.345`, in UTC. */
export function timeOfDayText(at: Instant): string {
  return at.slice(11, 23);
}

/** `1 row`, `3 rows`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
