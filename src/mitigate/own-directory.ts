import { BlackstartError } from "../base/error.ts";
import { type Instance, isDown, known, type KnownState } from "../drivers/postgres/instance.ts";
import { type Identity, mayBeOf, type ServerIdentity } from "../drivers/postgres/instance/identity.ts";
import { observeNode } from "../drivers/postgres/observe.ts";
import { clusterOf } from "../system/names.ts";
import type { Reach } from "./cluster-facts.ts";
import type { MitigationContext } from "./context.ts";
import { withLimit } from "./host-limit.ts";
import { sessionsOf } from "./sessions.ts";

/*
 * Whether the directory that `host:` and `data:` lead to is the node's own. With that of another node a plan would stop
 * or start that node's server. Two proofs: no two nodes have one directory; and the server that runs there is not the
 * one that answers as another node, nor another one than answers as this node.
 */

/** @property identity what its host says; undefined where it was not asked or does not answer */
export type Housed = Readonly<{
  node: string;
  reach: Reach;
  server?: ServerIdentity;
  state?: KnownState;
  identity?: Identity;
}>;

/** Why the directory is not that of this node; undefined: nothing says so. Pure. */
export function notItsOwn(one: Housed, all: readonly Housed[]): string | undefined {
  const others = all.filter((other) => other.node !== one.node);
  const { directory } = one.identity ?? {};
  const twin = others.find((other) => directory !== undefined && other.identity?.directory === directory);
  if (twin !== undefined) return `\`data:\` of ${one.node} leads to the data directory of ${twin.node}`;
  if (one.state === undefined) return undefined;
  if (isDown(one.state)) return isAlive(one) ? nothingThere(one.state) : undefined;
  if (one.server !== undefined && mayRun(one, one.server)) return undefined;
  // In containers of one kind all is alike but the directory itself.
  const found = others.find((other) => isServerOf(one, other) && !isElsewhere(one, other));
  const leads = `\`data:\` of ${one.node} leads to`;
  if (found !== undefined) return `${leads} the data directory of ${found.node}, which runs there`;
  const seen = one.identity?.lock;
  if (one.server !== undefined)
    return `${leads} another server than the one that answers as ${one.node}${seen === undefined ? "" : `: port ${seen.port}, in ${seen.dataDirectory}, since ${new Date(seen.startedAtMs).toISOString()}`}`;
  const known = others.find(({ server }) => server !== undefined)?.server?.systemIdentifier;
  const system = one.identity?.system;
  return system === undefined || known === undefined || system === known
    ? undefined
    : `${leads} a server of another cluster (system identifier ${system}, not ${known})`;
}

function nothingThere({ state }: KnownState): string {
  return state === "no-data"
    ? "its data directory does not exist on its host, and yet it is alive at its address: `host:` or `data:` is wrong"
    : "its host sees nothing of it, and yet it is alive at its address: `host:` or `data:` is that of another server";
}

function isAlive({ reach }: Housed): boolean {
  return reach === "answers" || reach === "starting" || reach === "denied";
}

/** Whether the server that the host sees there may be this one. */
function mayRun({ identity }: Housed, server: ServerIdentity): boolean {
  return identity === undefined || mayBeOf(identity, server);
}

/** By its lock file; that of a server that is gone stays there, and says nothing. */
function isServerOf(one: Housed, { server }: Housed): boolean {
  const runs = one.state !== undefined && one.state.pids.length > 0;
  return runs && one.identity?.lock !== undefined && server !== undefined && mayBeOf(one.identity, server);
}

function isElsewhere(one: Housed, other: Housed): boolean {
  const [own, its] = [one.identity?.directory, other.identity?.directory];
  return own !== undefined && its !== undefined && own !== its;
}

/** Asks the hosts that were not asked, of those whose server may be the one that runs in another node's directory. */
export async function withSuspects(
  context: MitigationContext,
  cluster: string,
  all: readonly Housed[],
): Promise<readonly Housed[]> {
  return Promise.all(
    all.map(async (other) => {
      const isSuspect = all.some(
        (one) => one.node !== other.node && one.server === undefined && isServerOf(one, other),
      );
      if (other.identity !== undefined || !isSuspect) return other;
      const identity = await identityOf(context, cluster, other.node);
      return identity === undefined ? other : { ...other, identity };
    }),
  );
}

async function identityOf({ fleet }: MitigationContext, cluster: string, node: string): Promise<Identity | undefined> {
  return told(async () => withLimit((await fleet.instance(cluster, node))?.identity(), otherTimeoutMs));
}

/** Another machine may be off. */
const otherTimeoutMs = 2000;

async function told<T>(asking: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await asking();
  } catch (error) {
    if (error instanceof BlackstartError) return undefined;
    throw error;
  }
}

type Place = Readonly<{ cluster: string; node: string; instance: Instance }>;

/**
 * The last look before a server is stopped or started: throws NOT_POSSIBLE_NOW where the directory is not its own.
 * @param asked `others`: it hangs, and clients wait; only the others are asked
 */
export async function assertOwnDirectory(
  context: MitigationContext,
  place: Place,
  asked: "all" | "others" = "all",
): Promise<void> {
  const { node, instance } = place;
  const all = await look(context, place, asked);
  const why = all.map((one) => (one.node === node ? notItsOwn(one, all) : undefined)).find(Boolean);
  if (why === undefined) return;
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `Nothing was done to ${node}.`,
    why: `${why}.`,
    next: misplacedNext(node),
    details: { node, dataDirectory: instance.dataDirectory },
  });
}

export function misplacedNext(node: string): string {
  return `Correct \`host:\` and \`data:\` of ${node} in the system file, or those of the node that it names.`;
}

async function look(
  context: MitigationContext,
  { cluster, node, instance }: Place,
  asked: "all" | "others",
): Promise<readonly Housed[]> {
  const names = Object.keys(clusterOf(context.system, cluster).nodes);
  const server = async (name: string) =>
    name === node && asked === "others" ? undefined : told(() => serverOf(context, cluster, name));
  const [state, identity, ...servers] = await Promise.all([
    instance.inspect().then((seen) => known(instance, seen)),
    instance.identity(),
    ...names.map(server),
  ]);
  return Promise.all(
    names.map(async (name, at): Promise<Housed> => {
      const its = servers[at];
      const housed = { node: name, reach: its ? "answers" : "silent", ...(its && { server: its }) } as const;
      if (name === node) return { ...housed, state, identity };
      // One that answers, and is not the one that runs there, is elsewhere.
      if (state.pids.length > 0 && its !== undefined && !mayBeOf(identity, its)) return housed;
      const seen = await identityOf(context, cluster, name);
      return seen === undefined ? housed : { ...housed, identity: seen };
    }),
  );
}

async function serverOf(context: MitigationContext, cluster: string, node: string): Promise<ServerIdentity> {
  return sessionsOf(context.fleet).useNew(cluster, node, (connection) => observeNode(connection));
}
