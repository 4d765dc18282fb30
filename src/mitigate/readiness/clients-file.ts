import { clientsAddressProblem } from "../../drivers/clients/address-file.ts";
import type { Finding } from "../../finding/finding.ts";
import type { Cluster } from "../../system/schema.ts";

/** Whether the clients' address file could be rewritten: the step comes after the promotion, when it is too late to ask. */
export async function probeClientsFile(
  cluster: string,
  { clients }: Pick<Cluster, "clients">,
): Promise<readonly Omit<Finding, "seenAt">[]> {
  const problem = clients?.file === undefined ? undefined : await clientsAddressProblem(clients.file);
  if (problem === undefined) return [];
  return [
    {
      code: "ready.clients-file",
      severity: "critical",
      subject: { kind: "cluster", name: cluster },
      title: `A failover of ${cluster} would stop after the promotion: the address file of the clients cannot be written from here.`,
      evidence: [
        { label: "address file", value: clients?.file ?? "" },
        { label: "problem", value: problem },
      ],
    },
  ];
}
