/** The units of pg_settings and how many of the smallest one they are: bytes, or microseconds. */
const bytes: readonly (readonly [string, number])[] = [
  ["TB", 1024 ** 4],
  ["GB", 1024 ** 3],
  ["MB", 1024 ** 2],
  ["kB", 1024],
  ["B", 1],
];
const times: readonly (readonly [string, number])[] = [
  ["d", 86_400_000_000],
  ["h", 3_600_000_000],
  ["min", 60_000_000],
  ["s", 1_000_000],
  ["ms", 1000],
  ["us", 1],
];

/**
 * A setting with its unit, as SHOW prints it: 2048 blocks of 8 kB are `16MB`. Zero and what is negative (mostly “off”, or
 * “chosen by the server”) stand without unit. Pure.
 */
export function settingText(setting: string, unit: string | null): string {
  const number = Number(setting);
  const parsed = /^(\d*)([A-Za-z]+)$/.exec(unit ?? "");
  if (parsed === null || setting === "" || !Number.isFinite(number) || number <= 0) return setting;
  const [, times_ = "", name = ""] = parsed;
  const table = [bytes, times].find((units) => units.some(([known]) => known === name));
  const size = table?.find(([known]) => known === name)?.[1];
  if (table === undefined || size === undefined) return setting;
  const whole = number * Number(times_ || "1") * size;
  // The largest unit of which it is a whole number; a fraction of the smallest stays as it is.
  const fitting = table.find(([, one]) => Number.isInteger(whole / one));
  return fitting === undefined ? `${setting}${name}` : `${whole / fitting[1]}${fitting[0]}`;
}
