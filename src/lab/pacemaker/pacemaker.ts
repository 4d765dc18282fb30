import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import { type Binaries, findBinaries } from "../binaries.ts";
import type { LabOptions } from "../lab.ts";
import type { LabManager, LabPlan, LabSite } from "../manager.ts";
import type { NetworkState } from "../proxy/network.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { logFileOf } from "../server-start.ts";
import { isRunning } from "../servers.ts";
import { adaptConfiguration } from "./adapt.ts";
import { clientsUrl, liveState, waitUntilSettled, writeThroughAddress } from "./cluster.ts";
import { defaultConfiguration } from "./default-configuration.ts";
import { cibFromCrm, upgradedCib } from "./from-crm.ts";
import { bootHost, hostProcess, hostProcesses, makeDisk, switchOff } from "./host.ts";
import { assertSocketPath } from "./host-files.ts";
import { networkProcess, setCable, startNetwork } from "./network.ts";
import { cibFile, clientFolder, folderOf, shapeNodeOf, shapeOf, socketIn, urlThrough } from "./places.ts";
import { hasAgent, requirePacemaker } from "./requirements.ts";
import { makeServers, startServerOn } from "./servers.ts";

const steadyTimeoutMs = 90_000;
const powerOnTimeoutMs = 60_000;

/** Corosync, Pacemaker and the agent ocf:heartbeat:pgsql, each host in namespaces of its own. Needs Linux and root. */
export const pacemaker: LabManager = {
  name: "pacemaker",
  failsOver: true,
  prepare,
  plan,
  build,
  systemLines: (record) => ["manager: pacemaker", `clients: { vip: ${JSON.stringify(clientsAddress(record))} }`],
  clientUrl: async (record) => clientsUrl(record),
  opinions,
  processesOf: hostProcesses,
  sharedProcesses: (record) => [networkProcess(record)].filter((identity) => identity !== undefined),
  powerOff: switchOff,
  powerOn,
  setNetwork,
  networkOf: (record, node) => record === undefined || node === undefined ? undefined : "open",
  clear: async () => undefined,
};

async function prepare(options: LabOptions): Promise<Binaries> {
  requirePacemaker({ crmShell: options.pacemaker?.kind === "crm" });
  const standbys = options.standbys ?? ["synchronous", "asynchronous"];
  if (options.proxied)
    throw new BlackstartError("USAGE", {
      what: "A lab with Pacemaker has no proxy.",
      why: "Its hosts have a network of their own, and that can be cut.",
      next: "Leave --proxied out.",
    });
  if (options.pacemaker === undefined && standbys.filter((role) => role === "synchronous").length !== 1)
    throw new BlackstartError("USAGE", {
      what: "A lab with Pacemaker has one synchronous standby.",
      why: "The agent ocf:heartbeat:pgsql makes one of them synchronous, whichever is there (rep_mode=sync).",
      next: "Leave --sync out; or give a configuration with rep_mode=async.",
    });
  return findBinaries(options.binaries === undefined ? {} : { directory: options.binaries });
}
