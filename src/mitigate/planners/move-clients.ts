import { readEndpoint } from "../../drivers/postgres/endpoints.ts";
import type { Refusal } from "../../plan/plan.ts";
import type { System } from "../../system/schema.ts";
import { type ClusterFacts, primariesOf } from "../cluster-facts.ts";
import { promiseOf } from "../loss.ts";
import { type Choice, declaredCluster, type PlanDraft, refuse } from "../planning.ts";
import * as steps from "../step-list.ts";

/** There is one primary, and the clients are led elsewhere: a plan stopped before it moved them, or somebody promoted by hand. */
export function planMoveClients(system: System, facts: ClusterFacts, _choice: Choice): PlanDraft | Refusal {
  const cluster = declaredCluster(system, facts.cluster);
  const { cluster: name } = facts;
  const primaries = primariesOf(facts);
  const primary = primaries[0];
  if (primary === undefined || primaries.length > 1)
    return refuse(
      "one-primary",
      primary === undefined
        ? `No primary of ${name} answers: the clients cannot be pointed to one.`
        : `${primaries.map((one) => one.node).join(" and ")} both take writes.`,
      primary === undefined
        ? "First `blackstart mitigate failover`, or bring the primary back."
        : "Stop the stale one first: `blackstart mitigate demote`.",
    );
  if (cluster.clients?.file === undefined)
    return refuse(
      "clients",
      `blackstart.yaml names no file by which Blackstart could move the clients of ${name}.`,
      "Declare `clients: { file: … }`, or point the clients to the primary by hand.",
    );
  if (facts.clientsAddress !== undefined && readEndpoint(facts.clientsAddress) === primary.address)
    return refuse("already", `${cluster.clients.file} names ${primary.node} already.`, "There is nothing to do.");
  const names = promiseOf(primary)?.names;
  return {
    kind: "move-clients",
    urgent: true,
    subject: { kind: "cluster", name },
    because: [
      `${primary.node} (${primary.address}) is the only node that takes writes.`,
      facts.clientsAddress === undefined
        ? `${cluster.clients.file} cannot be read, or is empty.`
        : `${cluster.clients.file} names ${facts.clientsAddress}.`,
    ],
    risk: { lossBytes: 0, lossSeconds: 0, downtimeSeconds: 0, statements: steps.clientStatements(cluster) },
    steps: [
      ...steps.clientSteps(name, cluster, primary.node),
      steps.verifyWriteStep(name, cluster, primary.node, names?.count ?? 0),
    ],
  };
}
