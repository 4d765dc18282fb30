import { allOrFirstError } from "../../base/all-or-first-error.ts";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import type { LabOptions, Opinion } from "../lab.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { endMaintenance, liveState, waitUntilSettled, writeThroughAddress } from "./cluster.ts";
import { bootHost, makeDisk } from "./host.ts";
import { startNetwork } from "./network.ts";
import { opinions } from "./opinions.ts";
import { shapeOf } from "./places.ts";
import { makeServers, startServerOn } from "./servers.ts";
import type { NodeState } from "./state.ts";

const steadyTimeoutMs = 90_000;

/**
 * The servers run and hold their addresses before Pacemaker starts, as on a cluster whose Pacemaker was restarted: it finds
 * a primary with its standbys and takes them over. So the roles are those that were planned, and nobody waits for elections
 * among servers that are all alike. Until it has looked at everything everywhere it is in maintenance mode: with half of it
 * seen, it would stop what seems out of place.
 */
export async function build(record: LabRecord, options: LabOptions): Promise<LabRecord> {
  for (const node of record.nodes) makeDisk(record, node);
  const [{ network, hosts }] = await allOrFirstError([
    startNetwork(record).then(async (network) => ({
      network,
      hosts: await allOrFirstError(record.nodes.map((node) => bootHost(record, node, addressesAtFirst(record, node)))),
    })),
    makeServers(record, options.settings ?? {}),
  ]);
  network.say("relay");
  await allOrFirstError(record.nodes.map((node) => startServerOn(record, node)));
  for (const host of hosts) host.say("manage");
  await takenOver(record);
  return { ...record, nodes: await steady(record) };
}

function addressesAtFirst(record: LabRecord, { name }: NodeRecord): readonly string[] {
  const { virtualAddresses, nodes } = shapeOf(record);
  const place = nodes[0]?.name === name ? "primary" : nodes[1]?.name === name ? "elsewhere" : undefined;
  return virtualAddresses.filter((one) => one.place === place).map(({ address, prefix }) => `${address}/${prefix}`);
}

/**
 * Waits until Pacemaker knows of each resource on each host whether it is there, and from the agent what each server may
 * become; and then lets it act.
 */
async function takenOver(record: LabRecord): Promise<void> {
  const { resource, virtualAddresses } = shapeOf(record);
  const all = [resource, ...virtualAddresses.map((one) => one.resource)];
  const isSeen = ({ known, promotionScore }: NodeState) =>
    promotionScore !== undefined && all.every((name) => known.includes(name));
  const seen = await pollUntil(
    async () => {
      const state = await liveState(record);
      return state?.nodes.every(isSeen) ? true : undefined;
    },
    { everyMs: 200, timeoutMs: steadyTimeoutMs },
  );
  if (!seen) throw notInOrder("Pacemaker did not see every host's resources", await disorder(record));
  await endMaintenance(record);
}

/**
 * The nodes with the roles that Pacemaker has given them: one primary, every other streaming, as many of them synchronous
 * as there should be; Pacemaker at rest, and a client's write through the address. A configuration may well move the
 * primary as soon as it is read.
 */
async function steady(record: LabRecord): Promise<readonly NodeRecord[]> {
  const nodes = await pollUntil(
    async () => {
      const now = withRoles(record.nodes, await opinions(record));
      if (now === undefined) return undefined;
      const { settled } = await waitUntilSettled(record, { timeoutMs: 1500 });
      return settled && (await writeThroughAddress(record)).ok ? now : undefined;
    },
    { everyMs: 250, timeoutMs: steadyTimeoutMs },
  );
  if (nodes !== undefined) return nodes;
  throw notInOrder("Pacemaker did not bring the cluster into order", await disorder(record));
}

async function disorder(record: LabRecord): Promise<string> {
  const said = Object.entries(await opinions(record)).map(([name, { words }]) => `${name} ${words}`);
  return `It says: ${said.join("; ") || "nothing"}. A client's write: ${whyNot(await writeThroughAddress(record))}`;
}

function notInOrder(what: string, why: string): BlackstartError {
  return new BlackstartError("LAB_FAILED", {
    what: `${what} within ${steadyTimeoutMs / 1000} s.`,
    why,
    next: "See whether the configuration has a place for every resource, e.g. with crm_simulate --show-scores.",
  });
}

function whyNot(write: Awaited<ReturnType<typeof writeThroughAddress>>): string {
  return write.ok ? "goes through." : write.why;
}

function withRoles(
  planned: readonly NodeRecord[],
  said: Readonly<Record<string, Opinion>>,
): readonly NodeRecord[] | undefined {
  const nodes = planned.flatMap((node): NodeRecord[] => {
    const role = said[node.name]?.role;
    return role === "primary" || role === "synchronous" || role === "asynchronous" ? [{ ...node, role }] : [];
  });
  const kinds = (all: readonly NodeRecord[]) =>
    all
      .map(({ role }) => role)
      .toSorted()
      .join();
  return kinds(nodes) === kinds(planned) ? nodes : undefined;
}
