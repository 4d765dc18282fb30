import { parsedUrl } from "./address.ts";
import { checkKnown } from "./check-names.ts";
import { list, mapping, mappings } from "./loose.ts";
import type { Report } from "./problem.ts";

/** What names a cluster or a service elsewhere: caches, features, invariants; and a service's commands. */
export function checkUsers(data: unknown, report: Report): void {
  const { clusters, caches, services, features, invariants } = mapping(data);
  const clusterNames = Object.keys(mapping(clusters));
  for (const [cache, { redis }] of mappings(caches)) checkUrl(redis, ["caches", cache, "redis"], report);
  for (const [service, { probe, counts }] of mappings(services)) {
    checkUrl(probe, ["services", service, "probe"], report);
    checkUrl(mapping(counts).url, ["services", service, "counts", "url"], report);
  }
  for (const [cache, { entries }] of mappings(caches))
    for (const [index, entry] of list(entries).entries()) {
      const path = ["caches", cache, "entries", index];
      checkKnown("cluster", mapping(entry).cluster, clusterNames, [...path, "cluster"], report);
      checkEntryKeys(mapping(entry).keys, path, report);
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

/** Of what the schema takes for a url; what it does not is told by it. */
function checkUrl(url: unknown, path: readonly (string | number)[], report: Report): void {
  if (typeof url !== "string" || !/^(rediss?|https?|tcp):\/\//.test(url)) return;
  const parsed = parsedUrl(url);
  if (parsed === undefined || parsed.hostname === "")
    report(path, "cannot be read as a url; in a password, @ : / ? # % must be percent-encoded, or come from ${…}");
  else if (parsed.protocol === "tcp:" && parsed.port === "") report(path, "needs a port: tcp://address:port");
}

function checkEntryKeys(keys: unknown, path: readonly (string | number)[], report: Report): void {
  if (typeof keys === "string" && (keys.match(/\{\w+\}/g) ?? []).length > 1)
    report(
      [...path, "keys"],
      "has more than one {column}: $1 is a list of single values; let the query give them joined as they stand in the key",
    );
}

function checkEntryQuery(query: unknown, path: readonly (string | number)[], report: Report): void {
  if (typeof query === "string" && !/\$1\b/.test(query))
    report([...path, "query"], "does not use $1: it would give the whole table for every look; ask for = any($1)");
}
