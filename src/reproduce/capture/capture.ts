import type { Clock } from "../../base/time.ts";
import { createFleet, type Fleet } from "../../drivers/fleet.ts";
import { askMachine, type Machine } from "../../drivers/host/machine.ts";
import { type Missing, orMissing } from "../../drivers/missing.ts";
import { askConfiguration, askExtensions, type ServerConfiguration } from "../../drivers/postgres/configuration.ts";
import { parsedUrl } from "../../system/address.ts";
import { clusterOf } from "../../system/names.ts";
import type { Node, System } from "../../system/schema.ts";
import { askManager, type ManagerAnswers } from "./manager.ts";
import { type Capture, type CapturedMachine, type CapturedNode, captureSchema } from "./schema.ts";
import { treeWithoutSecrets, withoutKnown } from "./secrets.ts";
import { capturedServer, defaultsOf, hiddenByRole } from "./server.ts";
import { type Place, topologyOf } from "./topology.ts";

export type CaptureWork = Readonly<{
  system: System;
  cluster: string;
  clock: Clock;
  /** Passwords that came from elsewhere than the urls: PGPASSWORD. */
  secrets?: readonly string[];
}>;

/**
 * Asks every node of a cluster how it is configured, and changes nothing. What was not answered is said in the capture;
 * a node that cannot be asked at all is in it with its reason.
 */
export async function captureCluster({ system, cluster: name, clock, secrets = [] }: CaptureWork): Promise<Capture> {
  const cluster = clusterOf(system, name);
  const fleet = createFleet(system);
  try {
    const asked = await Promise.all(
      Object.entries(cluster.nodes).map(([node, declared]) => askNode(fleet, node, declared)),
    );
    const places = topologyOf(asked.map(seenOf));
    const manager = await askManager(fleet, cluster, asked);
    const extensions = await extensionsOf(asked, places);
    const missing = [...asked.flatMap((one) => one.missing), ...manager.missing, ...extensions.missing];
    const capture: Capture = {
      blackstart: "capture",
      format: 1,
      capturedAt: clock.now(),
      system: system.system,
      cluster: name,
      manager: cluster.manager,
      missing,
      nodes: Object.fromEntries(asked.map((one) => [one.node, capturedNode(one, places.get(one.node), manager)])),
      ...(extensions.found === undefined ? {} : { extensions: extensions.found }),
      ...manager.captured,
      defaults: defaultsByVersion(asked),
    };
    // A file that its own schema refuses is our mistake; it must not reach the user.
    return captureSchema.parse(withoutKnown(capture, [...secrets, ...asked.flatMap(({ url }) => secretsIn(url))]));
  } finally {
    await fleet.close();
  }
}

type MissingOf = Missing & Readonly<{ node?: string }>;

export type AskedNode = Readonly<{
  node: string;
  url: string;
  declared: Node;
  server: ServerConfiguration | undefined;
  machine: Machine | undefined;
  dataDirectory: string | undefined;
  missing: readonly MissingOf[];
}>;

async function askNode(fleet: Fleet, node: string, declared: Node): Promise<AskedNode> {
  const missing: Missing[] = [];
  const server = await orMissing(missing, "everything PostgreSQL says", () => askConfiguration(declared.url));
  const dataDirectory = declared.data ?? (server?.observation?.settings.dataDirectory || undefined);
  const { host } = declared;
  if (host === undefined)
    missing.push({
      what: "the machine (kernel, memory, mounts, limits)",
      why: "The node has no `host` in the system file.",
    });
  const machine =
    host === undefined
      ? undefined
      : await orMissing(missing, "the machine", () => askMachine(fleet.host(host), dataDirectory));
  for (const name of hiddenByRole(server?.settings ?? []))
    missing.push({ what: `setting ${name}`, why: "An ALTER ROLE … SET of the user that asked hides it." });
  const told = [...missing, ...(server?.missing ?? [])].map((one) => ({ node, ...one }));
  return { node, url: declared.url, declared, server, machine, dataDirectory, missing: told };
}

function seenOf({ node, url, server }: AskedNode) {
  return { node, url, observation: server?.observation };
}

/** They are the same on all nodes: the primary is asked, else whoever answers. */
async function extensionsOf(asked: readonly AskedNode[], places: ReadonlyMap<string, Place>) {
  const answering = asked.filter(({ server }) => server?.observation !== undefined);
  const one = answering.find(({ node }) => places.get(node)?.role === "primary") ?? answering[0];
  const missing: MissingOf[] = [];
  if (one === undefined) return { found: undefined, missing: [{ what: "extensions", why: "No server answered." }] };
  const answer = await orMissing(missing, "extensions", () => askExtensions(one.url));
  return { found: answer?.found, missing: [...missing, ...(answer?.missing ?? [])] };
}

function capturedNode(asked: AskedNode, place: Place | undefined, manager: ManagerAnswers): CapturedNode {
  const { role = "unknown", ...streams } = place ?? {};
  const { server, machine, declared, node } = asked;
  const patroni = manager.members.get(node);
  return {
    role,
    ...(declared.zone === undefined ? {} : { zone: declared.zone }),
    ...(server === undefined ? {} : { postgres: { ...capturedServer(server), ...streams } }),
    ...(machine === undefined ? {} : { machine: capturedMachine(machine) }),
    ...(patroni === undefined ? {} : { patroni }),
  };
}

function capturedMachine({ facts, mounts: { data, wal }, limits }: Machine): CapturedMachine {
  const shown = (mount: NonNullable<typeof data>) => ({ kind: mount.kind, options: [...mount.options] });
  return {
    // Nobody puts a secret there; but nobody is asked to.
    facts: treeWithoutSecrets(facts) as Record<string, string>,
    mounts: {
      ...(data === undefined ? {} : { data: shown(data) }),
      ...(wal === undefined ? {} : { wal: shown(wal) }),
      ...(data === undefined || wal === undefined ? {} : { sameDevice: data.device === wal.device }),
    },
    ...(Object.keys(limits).length === 0 ? {} : { limits: { ...limits } }),
  };
}

function defaultsByVersion(asked: readonly AskedNode[]): Capture["defaults"] {
  return Object.fromEntries(
    asked.flatMap(({ server }) =>
      server?.observation === undefined || server.settings === undefined
        ? []
        : [[String(server.observation.version), defaultsOf(server.settings)]],
    ),
  );
}

/** A password that is also the user's or the database's name is no longer a secret, and would take their names out. */
function secretsIn(url: string): readonly string[] {
  const parsed = parsedUrl(url);
  if (parsed === undefined) return [];
  const password = decodeURIComponent(parsed.password);
  const open = [decodeURIComponent(parsed.username), parsed.pathname.slice(1), parsed.hostname, "postgres"];
  return password.length < 4 || open.includes(password) ? [] : [password];
}
