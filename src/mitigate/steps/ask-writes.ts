import { BlackstartError } from "../../base/error.ts";
import { delay } from "../../base/time.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import { ranAsStandby } from "../../drivers/postgres/instance.ts";
import { askRole } from "../../drivers/postgres/promotion.ts";
import { reachabilityOf } from "../../drivers/postgres/reachability.ts";
import type { MitigationContext } from "../context.ts";
import { rememberedOf } from "../memory.ts";
import { type NodeSeen, seenNext, type WritesVerdict, writesOf } from "../who-writes.ts";
import { sessions } from "./servers.ts";

/** So long a node is asked again and again: behind a slow network, or on a busy machine, a living one answers by then. */
const answerTimeoutMs = 3000;
/** After so long it is asked over a new connection as well, and so is its host. A fenced node is not waited for longer. */
const soonMs = 300;
const pauseMs = 100;

/** `connection`: one that is open already; it is asked over that first. `waitMs`: for how long, where it is fenced. */
type Asked = Readonly<{
  cluster: string;
  node: string;
  fenced: boolean;
  connection?: Connection | undefined;
  waitMs?: number;
}>;

/** Whether this node takes writes. That it does not answer is an answer too. */
export async function askWrites(context: MitigationContext, asked: Asked): Promise<WritesVerdict> {
  const { cluster, node, fenced, waitMs = fenced ? soonMs : answerTimeoutMs } = asked;
  const over = new AbortController();
  const settled = Promise.withResolvers<void>();
  let seen: NodeSeen = { fenced: false };
  const isSettled = () => writesOf(seen, 0).writes !== "unknown";
  const learn = (more: Partial<NodeSeen>): void => {
    seen = seenNext(seen, more);
    if (isSettled()) settled.resolve();
  };
  const ask = async (use: (work: typeof askRole) => ReturnType<typeof askRole>): Promise<void> => {
    try {
      learn(await use(askRole));
    } catch (error) {
      if (!(error instanceof BlackstartError)) throw error;
      learn({ failure: reachabilityOf(error) });
    }
  };
  const { connection } = asked;
  const first = ask((work) => (connection ? work(connection) : sessions(context).use(cluster, node, work)));
  const again = async (): Promise<void> => {
    await Promise.race([first, delay(soonMs, over.signal)]);
    while (!isSettled()) {
      await ask((work) => useNew(context, asked, work));
      await delay(pauseMs, over.signal);
    }
  };
  const askHost = async (): Promise<void> => {
    await delay(soonMs, over.signal);
    learn(await hostSeen(context, asked));
  };
  for (const work of [first, again(), ...(fenced ? [] : [askHost()])])
    work.catch((error) => (over.signal.aborted ? undefined : settled.reject(error)));
  try {
    await Promise.race([settled.promise, delay(waitMs, over.signal)]);
    return writesOf({ ...seen, fenced }, answerTimeoutMs);
  } finally {
    over.abort();
  }
}

/** With all the time there is: a busy server to which no connection comes about within a second may well take writes. */
async function useNew<T>(
  { fleet }: MitigationContext,
  { cluster, node }: Asked,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const limits = { timeoutMs: answerTimeoutMs, queryTimeoutMs: answerTimeoutMs };
  const connection = await fleet.connect(cluster, node, limits);
  try {
    return await work(connection);
  } finally {
    void connection.close();
  }
}

async function hostSeen(context: MitigationContext, { cluster, node }: Asked): Promise<Partial<NodeSeen>> {
  try {
    const instance = await context.fleet.instance(cluster, node);
    if (instance === undefined) return {};
    const [host, remembered] = await Promise.all([instance.inspect(), rememberedOf(context.timeline, cluster)]);
    const role = remembered.get(node)?.role;
    const isMarked = host.state === "running" && host.standbySignal;
    const recovers = isMarked && role !== "standby" && ranAsStandby((await instance.control()).clusterState);
    return { host, recovers, ...(role === undefined ? {} : { remembered: role }) };
  } catch (error) {
    if (error instanceof BlackstartError) return {};
    throw error;
  }
}
