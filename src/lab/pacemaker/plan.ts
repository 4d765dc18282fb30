import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { type Binaries, findBinaries } from "../binaries.ts";
import type { LabOptions } from "../lab.ts";
import type { LabPlan, LabSite } from "../manager.ts";
import type { NodeRecord } from "../record.ts";
import { logFileOf } from "../server-start.ts";
import { adaptConfiguration } from "./adapt.ts";
import type { LabConfiguration } from "./configuration.ts";
import { defaultConfiguration } from "./default-configuration.ts";
import { assertSocketPath } from "./host-files.ts";
import { cibOfShellText } from "../../drivers/pacemaker/shell-text.ts";
import { assertVerified, upgradedCib } from "./offline-tools.ts";
import { cibFile, clientFolder, folderOf, socketIn, urlThrough } from "./places.ts";
import { hasAgent, requirePacemaker } from "./requirements.ts";
import { setValue, xmlText } from "../../drivers/pacemaker/xml.ts";
import { parseCib, sectionOf } from "./xml.ts";

const ownSource = "the lab's own configuration";

export async function prepare(options: LabOptions): Promise<Binaries> {
  requirePacemaker(options.pacemaker?.kind === "crm");
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
  const binaries = await findBinaries(options.binaries === undefined ? {} : { directory: options.binaries });
  const absent = ["pg_ctl", "psql", "pg_basebackup"].filter((name) => !existsSync(join(binaries.directory, name)));
  if (absent.length === 0) return binaries;
  throw new BlackstartError("LAB_UNSUPPORTED", {
    what: `The agent ocf:heartbeat:pgsql cannot work with the PostgreSQL ${binaries.version} in ${binaries.directory}.`,
    why: `It lacks ${absent.join(", ")}.`,
    next: "Install a whole one, on Debian or Ubuntu: apt-get install postgresql; or name another: --binaries",
  });
}

export async function plan(site: LabSite, options: LabOptions): Promise<LabPlan> {
  const { shape, replacements, cib } = await configurationFor(site, options);
  await assertVerified(cib, options.pacemaker?.source ?? ownSource);
  writeFileSync(cibFile(site), inMaintenance(cib));
  const nodes = shape.nodes.map(({ name, role }): NodeRecord => {
    const dataDirectory = join(site.nodesDirectory, name, "data");
    const folder = folderOf({ dataDirectory });
    const socketFolder = join(folder, "socket");
    assertSocketPath(socketIn(socketFolder, shape.port));
    const url = urlThrough(socketFolder, shape.port);
    const logs = [logFileOf(dataDirectory), join(folder, "log", "pacemaker.log"), join(folder, "log", "corosync.log")];
    return { name, role, port: shape.port, serverPort: shape.port, url, ownUrl: url, dataDirectory, logs };
  });
  for (const { resource } of shape.virtualAddresses)
    assertSocketPath(socketIn(clientFolder(site, resource), shape.port));
  return { ports: [], nodes, manager: { kind: "pacemaker", shape, replacements } };
}

async function configurationFor(
  { binaries }: LabSite,
  { pacemaker: given, standbys }: LabOptions,
): Promise<LabConfiguration> {
  const lab = { binaries: binaries.directory, agents: hasAgent };
  if (given === undefined) {
    const names = Array.from({ length: (standbys ?? ["", ""]).length + 1 }, (_, index) => `pg${index + 1}`);
    const own = adaptConfiguration(defaultConfiguration(names), { ...lab, source: ownSource });
    return { ...own, replacements: [] };
  }
  // What is no configuration at all is better told here than by a stylesheet.
  if (given.kind === "cib") parseCib(given.text, given.source);
  const cib = given.kind === "crm" ? await cibOfShellText(given.text, given.source) : given.text;
  return adaptConfiguration(await upgradedCib(cib), { ...lab, source: given.source });
}

/** As the hosts start with it; `endMaintenance` takes it out again. */
function inMaintenance(text: string): string {
  const cib = parseCib(text, ownSource);
  setValue(sectionOf(cib, "crm_config"), "cluster_property_set", "maintenance-mode", "true");
  return xmlText(cib);
}
