import { checkKnown } from "./check-names.ts";
import { list, mapping, mappings } from "./loose.ts";
import type { Report } from "./problem.ts";

/** What names a cluster or a service elsewhere: caches, features, invariants; and a service's commands. */
export function checkUsers(data: unknown, report: Report): void {
  const { clusters, caches, services, features, invariants } = mapping(data);
  const clusterNames = Object.keys(mapping(clusters));
  for (const [cache, { entries }] of mappings(caches))
    for (const [index, entry] of list(entries).entries()) {
      const path = ["caches", cache, "entries", index];
      checkKnown("cluster", mapping(entry).cluster, clusterNames, [...path, "cluster"], report);
      checkEntryQuery(mapping(entry).query, path, report);
    }
  for (const [service, { restart, host }] of mappings(services))
    if (restart !== undefined && host === undefined)
      report(["services", service, "restart"], "a command needs a `host` to run on; for this machine: host: local");
  for (const [feature, { of }] of mappings(features))
    checkKnown("service", of, Object.keys(mapping(services)), ["features", feature, "of"], report);
  for (const [invariant, { cluster }] of mappings(invariants))
    checkKnown("cluster", cluster, clusterNames, ["invariants", invariant, "cluster"], report);
}

function checkEntryQuery(query: unknown, path: readonly (string | number)[], report: Report): void {
  if (typeof query === "string" && !/\$1\b/.test(query))
    report([...path, "query"], "does not use $1: it would give the whole table for every look; ask for = any($1)");
}
