import { isAsRecorded, isSameSetting } from "../../drivers/postgres/synchronous-names.ts";
import type { Found } from "../facts.ts";
import { clusterRef, request } from "./roles.ts";
import type { ClusterView } from "./view.ts";

/** A plan that lowers the promise raises it again when it ends; so long it is not a finding. */
const graceMs = 15_000;

/** The promise of durability is lower than it was meant to be, since a plan; undefined where it is not. */
export function assessLowered(view: ClusterView): Found | undefined {
  const primary = view.primaries.length === 1 ? view.primaries[0] : undefined;
  const setting = primary?.pulse?.synchronousStandbyNames;
  const record = view.promise;
  if (primary === undefined || setting === undefined || record === undefined) return undefined;
  if (!isAsRecorded(record, setting) || isSameSetting(record.meant, setting)) return undefined;
  if (view.now.ms - record.since.ms < graceMs) return undefined;
  return {
    code: "replication.synchronous-lowered",
    severity: "warning",
    subject: clusterRef(view),
    title: `Commits on ${view.name} wait for ${quoted(setting)}; they are meant to wait for ${quoted(record.meant)}.`,
    evidence: [
      { label: "synchronous_standby_names", value: setting || "empty" },
      { label: "meant", value: record.meant },
      { label: "lowered by", value: record.plan },
    ],
    remedy: request("restore-synchronous", clusterRef(view)),
  };
}

function quoted(setting: string): string {
  return setting === "" ? "nobody" : `'${setting}'`;
}
