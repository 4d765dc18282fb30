import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type YAMLMap } from "yaml";
import type { Path, Position, Report } from "./problem.ts";

/** What stands in the file, as plain data, and where. */
export type YamlTree = Readonly<{
  data: unknown;
  /** Where the value at this path begins; for what is not there, where the thing begins that should hold it. */
  valueAt(path: Path): Position;
  /** Where the key of this path stands. */
  keyAt(path: Path): Position;
  /** Where `part` of the text at this path stands, where it can be told; otherwise where the text begins. */
  partAt(path: Path, part: string): Position;
}>;

/** Aliases within aliases can make a small file enormous; so many values are enough for any system. */
const valuesMax = 50_000;

type Range = readonly [start: number, end: number];

/**
 * Reads YAML into data, with the place of every key and value. Anchors, aliases and merge keys (`<<`) are followed.
 * What is wrong is reported and left out; the rest is read all the same.
 */
export function readYamlTree(text: string, report: Report): YamlTree {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  for (const error of [...document.errors, ...document.warnings])
    report([], yamlMessage(error.code, error.message), { at: positionAt(error.pos[0]) });

  const values = new Map<string, Range>();
  const keys = new Map<string, Range>();
  let count = 0;

  function read(node: unknown, path: Path, within: readonly Node[]): unknown {
    if (++count > valuesMax) {
      if (count === valuesMax + 1) report([], `holds more than ${valuesMax} values, with its aliases followed`);
      return undefined;
    }
    if (isAlias(node)) {
      const target = node.resolve(document);
      if (target === undefined) {
        report(path, `*${node.source} repeats something that is not there`, { at: positionAt(node.range?.[0] ?? 0) });
        return undefined;
      }
      if (within.includes(target)) {
        report(path, `*${node.source} stands inside of what it repeats`, { at: positionAt(node.range?.[0] ?? 0) });
        return undefined;
      }
      const value = read(target, path, within);
      place(values, path, node);
      return value;
    }
    place(values, path, node);
    if (isMap(node)) return readMap(node, path, [...within, node]);
    if (isSeq(node)) return node.items.map((item, index) => read(item, [...path, index], [...within, node]));
    return isScalar(node) ? node.value : null;
  }

  function readMap(map: YAMLMap, path: Path, within: readonly Node[]): Record<string, unknown> {
    const own: Record<string, unknown> = {};
    const merged: Record<string, unknown> = {};
    // Merges first, so that the places of the map's own keys are the ones that stay.
    for (const pair of map.items.filter((item) => keyOf(item) === "<<"))
      for (const source of sourcesOf(read(pair.value, path, within))) Object.assign(merged, { ...source, ...merged });
    for (const pair of map.items) {
      const key = keyOf(pair);
      if (key === undefined) {
        report(path, "a key must be a plain name", { at: positionAt(offsetOf(pair.key) ?? offsetOf(map) ?? 0) });
      } else if (key !== "<<") {
        own[key] = read(pair.value, [...path, key], within);
        place(keys, [...path, key], pair.key);
      }
    }
    place(values, path, map);
    return { ...merged, ...own };
  }

  const data = document.errors.length > 0 && document.contents === null ? undefined : read(document.contents, [], []);
  return { data, ...placesOf(text, values, keys, positionAt) };
}

function placesOf(
  text: string,
  values: ReadonlyMap<string, Range>,
  keys: ReadonlyMap<string, Range>,
  positionAt: (offset: number) => Position,
): Omit<YamlTree, "data"> {
  const valueAt = (path: Path): Position => {
    for (let length = path.length; length >= 0; length--) {
      const range = values.get(JSON.stringify(path.slice(0, length)));
      if (range !== undefined) return positionAt(range[0]);
    }
    return { line: 1, column: 1 };
  };
  return {
    valueAt,
    keyAt: (path) => {
      const range = keys.get(JSON.stringify(path));
      return range === undefined ? valueAt(path) : positionAt(range[0]);
    },
    partAt: (path, part) => {
      const range = values.get(JSON.stringify(path));
      const within = range === undefined ? -1 : text.slice(range[0], range[1]).indexOf(part);
      return range === undefined || within === -1 ? valueAt(path) : positionAt(range[0] + within);
    },
  };
}

function place(places: Map<string, Range>, path: Path, node: unknown): void {
  const range = (node as { range?: readonly number[] | null } | null)?.range;
  if (range?.[0] !== undefined && range[1] !== undefined) places.set(JSON.stringify(path), [range[0], range[1]]);
}

function offsetOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0];
}

/** `1:` and `true:` are names as well, as they are written. `__proto__` is no name in any language we speak. */
function keyOf(pair: Pair): string | undefined {
  if (!isScalar(pair.key)) return undefined;
  const key = pair.key.source ?? String(pair.key.value);
  return key === "__proto__" || pair.key.value === null ? undefined : key;
}

function sourcesOf(merged: unknown): readonly object[] {
  return (Array.isArray(merged) ? merged : [merged]).filter((source) => typeof source === "object" && source !== null);
}

function yamlMessage(code: string, message: string): string {
  switch (code) {
    case "DUPLICATE_KEY":
      return "this key stands here for the second time";
    case "TAB_AS_INDENT":
      return "indented with a tab; YAML takes blanks only";
    case "MULTIPLE_DOCS":
      return "a second document begins here; the file may hold only one";
    case "BLOCK_IN_FLOW":
    case "BLOCK_AS_IMPLICIT_KEY":
      return "a mapping cannot begin here; a text that ends in `:` or has `: ` in it must stand in quotes";
    default:
      return `is not YAML: ${message.split("\n", 1)[0]}`;
  }
}
