import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import type { ProcessIdentity } from "../processes.ts";
import { readJson, writeJson } from "../json-file.ts";
import type { NetworkState } from "../proxy/network.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { hostLinks } from "./host-files.ts";
import {
  isOff,
  mustRunInside,
  readAliveIdentity,
  type Started,
  startInNamespaces,
  writeIdentity,
} from "./namespaces.ts";
import { identityFile, networkPart, shapeNodeOf, shapeOf } from "./places.ts";

const timeoutMs = 10_000;
const where = "the network of the lab";

/**
 * The network between the hosts: a bridge, in a network namespace that the relay holds. The clients are on the machine
 * with the bridge.
 */
export async function startNetwork(record: LabRecord): Promise<Started> {
  // Next to this file: `.ts` in the checkout, `.js` in the published package.
  const program = fileURLToPath(
    new URL(`./relay-main${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
  );
  const started = await startInNamespaces(
    {
      flags: ["--net"],
      program: [process.execPath, "--disable-warning=ExperimentalWarning", program, record.directory],
      folder: "/",
      logFile: join(record.directory, "relay.log"),
    },
    (identity) => writeIdentity(identityFile(record, networkPart), identity),
  );
  const { clientAddresses } = shapeOf(record);
  const links = [
    "link set lo up",
    "link add bridge type bridge",
    "link set bridge up",
    ...clientAddresses.map((address) => `addr add ${address} dev bridge`),
    "",
  ].join("\n");
  await mustRunInside(started.identity, ["sh", "-c", `${clientPatience} && exec ip -batch -`], {
    networkOnly: true,
    input: links,
    timeoutMs,
    where,
  });
  return started;
}

/**
 * A machine that is gone without a word answers nothing. By default a client's TCP waits a quarter of an hour for it;
 * this one's gives up after about three seconds, as a client does that minds its service.
 */
const clientPatience = [
  ["tcp_syn_retries", 1],
  ["tcp_retries2", 3],
  ["tcp_keepalive_time", 2],
  ["tcp_keepalive_intvl", 1],
  ["tcp_keepalive_probes", 2],
]
  .map(([name, value]) => `echo ${value} > /proc/sys/net/ipv4/${name}`)
  .join(" && ");

export function networkProcess(record: LabRecord): ProcessIdentity | undefined {
  return readAliveIdentity(identityFile(record, networkPart));
}

/** Plugs a host in: a pair of interfaces, one end at the bridge, the other the host's eth0 with its addresses. */
export async function plugIn(
  record: LabRecord,
  node: NodeRecord,
  host: ProcessIdentity,
  moreAddresses: readonly string[],
): Promise<void> {
  const shape = shapeNodeOf(record, node);
  const network = bridgeOf(record);
  const name = interfaceOf(record, node);
  // One that was switched off takes its end along, but not at once.
  const cleared = await pollUntil(
    async () => {
      const links = await mustRunInside(network, ["ip", "-brief", "link"], { networkOnly: true, timeoutMs, where });
      if (!links.includes(`${name}@`)) return true;
      await mustRunInside(network, ["sh", "-c", `ip link delete ${name} 2> /dev/null; true`], {
        networkOnly: true,
        timeoutMs,
        where,
      });
      return undefined;
    },
    { everyMs: 20, timeoutMs },
  );
  if (!cleared)
    throw new BlackstartError("LAB_FAILED", {
      what: `The host ${node.name} cannot be plugged in.`,
      why: `The interface ${name} of the time before it was switched off does not go away.`,
      next: `Take the lab down and make it anew: blackstart lab down ${record.name}`,
    });
  await mustRunInside(network, ["ip", "-batch", "-"], {
    networkOnly: true,
    input: `link add ${name} type veth peer name eth0 netns ${host.pid}\nlink set ${name} master bridge up\n`,
    timeoutMs,
    where,
  });
  await mustRunInside(host, ["ip", "-batch", "-"], {
    networkOnly: true,
    input: hostLinks(shape, moreAddresses),
    timeoutMs,
    where: `the host ${node.name}`,
  });
}

/**
 * `black-hole`: the host's cable is pulled; nothing comes through, and nobody is told. `cut`: whoever sends something to
 * the host, or from it, is told at once that it cannot get there.
 */
export async function setHostNetwork(
  record: LabRecord,
  node: NodeRecord,
  host: ProcessIdentity | undefined,
  state: NetworkState,
): Promise<void> {
  if (host === undefined) {
    if (state === "open") return;
    throw isOff(`the host ${node.name}`);
  }
  const cable = state === "black-hole" ? "down" : "up";
  await mustRunInside(bridgeOf(record), ["ip", "link", "set", interfaceOf(record, node), cable], {
    networkOnly: true,
    timeoutMs,
    where,
  });
  await mustRunInside(host, ["nft", "--file", "-"], {
    networkOnly: true,
    input: state === "cut" ? refusing : "add table inet lab\ndelete table inet lab\n",
    timeoutMs,
    where: `the host ${node.name}`,
  });
  writeJson(stateFile(record, node), { state, host } satisfies KnownState);
}

/** Not its own loopback: what is on one machine goes on speaking to itself. */
const refusing = `add table inet lab
delete table inet lab
table inet lab {
  chain input { type filter hook input priority 0; iif lo accept; meta l4proto tcp reject with tcp reset; drop; }
  chain output { type filter hook output priority 0; oif lo accept; meta l4proto tcp reject with tcp reset; drop; }
}
`;

type KnownState = Readonly<{ state: NetworkState; host: ProcessIdentity }>;

/** As it was set last; a host that was switched on since has a new cable. */
export function hostNetwork(record: LabRecord, node: NodeRecord, host: ProcessIdentity | undefined): NetworkState {
  const known = readJson<KnownState>(stateFile(record, node));
  return known === undefined || known.host.startTime !== host?.startTime ? "open" : known.state;
}

function stateFile({ directory }: LabRecord, { name }: NodeRecord): string {
  return join(directory, `${name}.network.json`);
}

function bridgeOf(record: LabRecord): ProcessIdentity {
  const identity = networkProcess(record);
  if (identity !== undefined) return identity;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `The network of the lab ${record.name} is gone.`,
    why: `Its process has ended; ${join(record.directory, "relay.log")} may say why.`,
    next: `Take the lab down and make it anew: blackstart lab down ${record.name}`,
  });
}

function interfaceOf(record: LabRecord, node: NodeRecord): string {
  return `host${shapeNodeOf(record, node).id}`;
}
