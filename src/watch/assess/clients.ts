import type { ClientsFacts, Found } from "../facts.ts";
import { clusterRef, request } from "./roles.ts";
import type { ClusterView } from "./view.ts";

/**
 * Whether the clients are pointed to the one primary there is. While there is none, or there are two, that is what is wrong,
 * and says so itself.
 */
export function assessClients(view: ClusterView, facts: ClientsFacts | undefined): readonly Found[] {
  const [primary, ...others] = view.primaries;
  if (facts === undefined || primary === undefined || others.length > 0) return [];
  const { file, address, node, reached, problem } = facts;
  const common = {
    subject: clusterRef(view),
    evidence: [
      { label: "address file", value: file },
      address === undefined
        ? { label: "problem", value: problem ?? "it is empty" }
        : { label: "it names", value: address },
      { label: "primary", value: primary.node },
      ...(reached !== undefined && "problem" in reached ? [{ label: "seen there", value: reached.problem }] : []),
    ],
  } as const;
  const remedy = request("move-clients", clusterRef(view));
  if (address === undefined)
    return [
      {
        ...common,
        code: "clients.no-address",
        severity: "critical",
        title: `The clients of ${view.name} cannot find ${primary.node}, the primary: their address file ${file} names no address (${problem ?? "it is empty"}).`,
        remedy,
      },
    ];
  if (node === primary.node) return [];
  if (node !== undefined)
    return [
      {
        ...common,
        code: "clients.misdirected",
        severity: "critical",
        title: `The clients of ${view.name} are pointed to ${node}; the primary is ${primary.node}.`,
        remedy,
      },
    ];
  if (reached === undefined || "problem" in reached)
    return [
      {
        ...common,
        code: "clients.unreachable",
        severity: "warning",
        title: `The clients of ${view.name} are pointed to ${address}, which is no node's address and where we cannot log in: whether they reach ${primary.node} is not known.`,
      },
    ];
  // A proxy, or another name of the primary.
  const { identity } = primary;
  if (identity === undefined || (!reached.standby && identity.startedAt === reached.startedAt)) return [];
  return [
    {
      ...common,
      code: "clients.misdirected",
      severity: "critical",
      title: `The clients of ${view.name} are pointed to ${address}, where ${reached.standby ? "a standby" : "another server"} answers; the primary is ${primary.node}.`,
    },
  ];
}
