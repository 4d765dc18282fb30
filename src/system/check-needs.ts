import { checkKnown } from "./check-names.ts";
import { list, mapping, mappings, text } from "./loose.ts";
import type { Report } from "./problem.ts";

/** Every name in `needs` exists, and nothing needs itself, not even in a circle. */
export function checkNeeds(data: unknown, report: Report): void {
  const { clusters, caches, services } = mapping(data);
  const candidates = [clusters, caches, services].flatMap((section) => Object.keys(mapping(section)));
  const needs = new Map<string, readonly string[]>();
  for (const [service, { needs: names }] of mappings(services)) {
    needs.set(
      service,
      list(names)
        .map(text)
        .filter((name) => name !== undefined),
    );
    for (const [index, name] of list(names).entries())
      checkKnown("cluster, cache or service", name, candidates, ["services", service, "needs", index], report);
  }
  for (const circle of circlesIn(needs)) {
    const [first = "", second = ""] = circle;
    const index = needs.get(first)?.indexOf(second) ?? 0;
    const way = [...circle, first].join(" → ");
    report(["services", first, "needs", index], first === second ? "needs itself" : `a circle: ${way}`);
  }
}

/** Each circle once, as the names along it; [“a”] is returned as [“a”, “a”]. */
function circlesIn(needs: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): void => {
    const start = way.indexOf(name);
    if (start !== -1) {
      circles.push(way.length - start === 1 ? [name, name] : way.slice(start));
      return;
    }
    if (done.has(name)) return;
    for (const next of needs.get(name) ?? []) visit(next, [...way, name]);
    done.add(name);
  };
  for (const name of needs.keys()) visit(name, []);
  return circles;
}
