import { importsOf } from "./imports.ts";
import { isCode, type Rule, type Source, type Violation } from "./source.ts";

/*
 * The import law. Each room of src/ and the rooms it may know besides itself:
 *
 *   base                                  nothing
 *   system, timeline, finding, plan       base and each other
 *   drivers, wal                          those
 *   lab                                   those, drivers and wal
 *   the seven acts                        all of these, and never each other: they meet in the timeline
 *   server                                all but cli
 *   cli                                   everything; nothing imports it
 */
const nouns = ["base", "system", "timeline", "finding", "plan"];
const acts = ["watch", "respond", "mitigate", "recover", "reproduce", "learn", "prevent"];
const tools = [...nouns, "drivers", "wal", "lab"];

const known: Readonly<Record<string, readonly string[]>> = {
  base: [],
  ...Object.fromEntries(nouns.slice(1).map((room) => [room, nouns])),
  drivers: nouns,
  wal: nouns,
  lab: [...nouns, "drivers", "wal"],
  ...Object.fromEntries(acts.map((room) => [room, tools])),
  server: [...tools, ...acts],
  cli: [...tools, ...acts, "server"],
};

export const importLaw: Rule = (sources) =>
  sources.filter((source) => isCode(source) && source.path.startsWith("src/")).flatMap(violationsOf);

function violationsOf(source: Source): readonly Violation[] {
  const room = roomOf(source.path);
  const allowed = room === undefined ? undefined : known[room];
  if (room === undefined || allowed === undefined)
    return [
      { path: source.path, line: 1, message: "is in no room that the import law knows; move it, or add the room" },
    ];
  return importsOf(source).flatMap(({ to, line }) => {
    // The version stands in package.json only, which lies as far above dist/ as above src/.
    if (to === undefined || to === "package.json") return [];
    const target = roomOf(to);
    if (target === room || (target !== undefined && allowed.includes(target))) return [];
    return [{ path: source.path, line, message: `${room} may not know ${target ?? to}: ${reason(room, target)}` }];
  });
}

function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

function reason(room: string, target: string | undefined): string {
  if (target === undefined) return "the product imports nothing from outside of src/";
  if (target === "cli" || target === "server") return "these compose; nothing imports them";
  if (acts.includes(room) && acts.includes(target)) return "the acts meet in the timeline, never in each other";
  return `it knows only ${(known[room] ?? []).join(", ") || "itself"}`;
}
