import type { Document, Element } from "@xmldom/xmldom";
import { BlackstartError } from "../../base/error.ts";
import type { Adaptation, Database } from "./adaptation.ts";
import type { ClusterShape, ShapeNode, VirtualAddress } from "./configuration.ts";
import { leaveOut } from "./leave-out.ts";
import { addressNumber, freeAddresses, networksOf, prefixOf } from "./networks.ts";
import { childrenOf, descendantsOf, idOf, parentOf, remove, setValue, valueOf } from "../../drivers/pacemaker/xml.ts";
import { sectionOf } from "./xml.ts";

const kind = "instance_attributes";

/**
 * The virtual addresses stay as they are; the network is made to fit them. What is told: the interface's name, and what
 * is no IPv4 address.
 */
export function adaptAddresses(
  adaptation: Adaptation,
  database: Database,
  servers: Readonly<{ primaryAddress: string; nodes: readonly Omit<ShapeNode, "addresses">[] }>,
): Pick<ClusterShape, "nodes" | "clientAddresses" | "virtualAddresses"> {
  const virtualAddresses = descendantsOf(adaptation.cib, "primitive")
    .filter((primitive) => primitive.getAttribute("type") === "IPaddr2")
    .flatMap((primitive) => adaptAddress(adaptation, database, primitive));
  if (!virtualAddresses.some(({ address }) => address === servers.primaryAddress))
    throw nobodyHas(servers.primaryAddress, virtualAddresses);
  const taken = virtualAddresses.map(({ address }) => address);
  const machines = networksOf(virtualAddresses).map((network) =>
    freeAddresses(network, taken, servers.nodes.length + 1),
  );
  return {
    virtualAddresses,
    nodes: servers.nodes.map((node, index) => ({ ...node, addresses: machines.map((free) => free[index] as string) })),
    clientAddresses: machines.map((free) => free.at(-1) as string),
  };
}

function adaptAddress({ cib, tell }: Adaptation, database: Database, primitive: Element): readonly VirtualAddress[] {
  const resource = idOf(primitive);
  const address = valueOf(primitive, kind, "ip") ?? "";
  const prefix = prefixOf(valueOf(primitive, kind, "cidr_netmask") ?? "24");
  if (addressNumber(address) === undefined || prefix === undefined) {
    tell({ where: `resource ${resource}`, was: address, why: "a lab's network speaks IPv4 only" });
    remove(primitive);
    leaveOut({ cib, tell }, [resource], []);
    return [];
  }
  const was = setValue(primitive, kind, "nic", "eth0");
  if (was !== undefined && was !== "eth0")
    tell({ where: `${resource}, nic`, was, is: "eth0", why: "a lab's hosts have one interface" });
  return [{ resource, address, prefix, place: followsPrimary(cib, primitive, database) ? "primary" : "elsewhere" }];
}

/** Whether a colocation with a score above 0 keeps it, or the group it is in, with the promoted instance. */
function followsPrimary(cib: Document, primitive: Element, { clone }: Database): boolean {
  const group = parentOf(primitive);
  const names = [idOf(primitive), ...(group?.tagName === "group" ? [idOf(group)] : [])];
  return childrenOf(sectionOf(cib, "constraints"))
    .filter(({ tagName }) => tagName === "rsc_colocation")
    .filter((constraint) => isPositive(constraint.getAttribute("score") ?? ""))
    .some((constraint) => {
      const pair = [constraint.getAttribute("rsc"), constraint.getAttribute("with-rsc")];
      const refs = descendantsOf(constraint, "resource_ref").map((ref) => ref.getAttribute("id"));
      const named = [...pair, ...refs];
      return named.includes(idOf(clone)) && names.some((name) => named.includes(name));
    });
}

function isPositive(score: string): boolean {
  return /^\+?infinity$/i.test(score) || Number.parseInt(score, 10) > 0;
}

function nobodyHas(address: string, known: readonly VirtualAddress[]): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `Nobody brings up ${address}, where the standbys look for their primary (master_ip).`,
    why:
      known.length === 0
        ? "The configuration has no resource of the type IPaddr2."
        : `The virtual addresses are ${known.map((one) => `${one.address} (${one.resource})`).join(", ")}.`,
    next: "Give master_ip the address of an IPaddr2 resource.",
  });
}
