import type { LabManager } from "../manager.ts";
import type { LabRecord } from "../record.ts";
import { build } from "./build.ts";
import { clientsUrl, clientsVirtualAddress, crm, liveCib } from "./cluster.ts";
import { hostProcess, hostProcesses, switchOff } from "./host.ts";
import { hostNetwork, networkProcess, setHostNetwork } from "./network.ts";
import { opinions } from "./opinions.ts";
import { plan, prepare } from "./plan.ts";
import { powerOn } from "./power.ts";
import { pacemakerRecord } from "./places.ts";
import { bringBack } from "./rejoin.ts";

/** Corosync, Pacemaker and the agent ocf:heartbeat:pgsql, each host in namespaces of its own. Needs Linux and root. */
export const pacemaker: LabManager = {
  name: "pacemaker",
  failsOver: true,
  // A socket's name has 107 bytes; that of an address of ordinary length needs the rest.
  folderBytesMax: 50,
  prepare,
  plan,
  build,
  systemLines: (record) => ["manager: pacemaker", `clients: { vip: ${JSON.stringify(clientsAddress(record))} }`],
  notes: (record) => ({ replacements: pacemakerRecord(record).manager.replacements, inside: waysIn(record) }),
  clientUrl: async (record) => clientsUrl(record),
  opinions,
  processesOf: hostProcesses,
  sharedProcesses: (record) => [networkProcess(record)].filter((identity) => identity !== undefined),
  powerOff: switchOff,
  powerOn,
  setNetwork: (record, node, state) => setHostNetwork(record, node, hostProcess(record, node), state),
  afterHeal: bringBack,
  command: crm,
  configuration: liveCib,
  networkOf: (record, node) => hostNetwork(record, node, hostProcess(record, node)),
  clear: async () => undefined,
};

function clientsAddress(record: LabRecord): string {
  const { address, prefix } = clientsVirtualAddress(record);
  return `${address}/${prefix}`;
}

/** Of the hosts that are on. The command leads to a shell in all of a host's namespaces, where crm and crm_mon are at home. */
function waysIn(record: LabRecord): Readonly<Record<string, string>> {
  return Object.fromEntries(
    record.nodes.flatMap((node) => {
      const host = hostProcess(record, node);
      return host === undefined ? [] : [[node.name, `nsenter --target ${host.pid} --all`] as const];
    }),
  );
}
