import { checkClusters } from "./check-clusters.ts";
import { checkMitigation } from "./check-mitigation.ts";
import { checkNames } from "./check-names.ts";
import { checkNeeds } from "./check-needs.ts";
import { checkUsers } from "./check-users.ts";
import type { Report } from "./problem.ts";

/**
 * What the schema cannot see: whether the parts of the file fit together. Takes the file's data, references followed
 * but otherwise as it stands, right or wrong; reports everything that cannot be meant.
 */
export function checkSystem(data: unknown, report: Report): void {
  checkNames(data, report);
  checkClusters(data, report);
  checkNeeds(data, report);
  checkUsers(data, report);
  checkMitigation(data, report);
}
