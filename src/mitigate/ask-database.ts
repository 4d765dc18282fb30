import { BlackstartError, messageOf } from "../base/error.ts";
import type { Connection } from "../drivers/postgres/connection.ts";
import type { WalEnd } from "../drivers/postgres/history.ts";
import { observeNode } from "../drivers/postgres/observe.ts";
import { askRole } from "../drivers/postgres/promotion.ts";
import { type Reachability, reachabilityOf } from "../drivers/postgres/reachability.ts";
import { askWalEnd } from "../drivers/postgres/wal-end.ts";
import { clusterOf } from "../system/names.ts";
import type { NodeFacts, Reach } from "./cluster-facts.ts";
import { type CommitSetting, commitSettingsQuery } from "./commit-level.ts";
import type { MitigationContext } from "./context.ts";
import { clientsLoginAt } from "./readiness/clients-login.ts";
import { limitsOf } from "./readiness/limits.ts";
import { rightsOf } from "./readiness/rights.ts";
import { sessionsOf } from "./sessions.ts";

export type Answer = Pick<
  NodeFacts,
  | "reach"
  | "problem"
  | "lockedOut"
  | "observation"
  | "promoting"
  | "rights"
  | "commitSettings"
  | "limits"
  | "walEnd"
  | "clientsLogin"
>;

/** `letIn`: called once it has taken a connection, if it ever does. */
export type Sign = Readonly<{ letIn: () => void }>;

const quick = { timeoutMs: 1000, queryTimeoutMs: 3000 } as const;
const patient = { timeoutMs: 3000, queryTimeoutMs: 3000 } as const;

/** admin_shutdown, crash_shutdown: only the next answer says whether it is gone or restarts. */
const goneMeanwhile: ReadonlySet<string | undefined> = new Set(["57P01", "57P02"]);

/**
 * What a server says of itself, or how it did not answer.
 * @param isNeeded what is planned needs it: while it is silent it is asked again, with all the time there is. A busy
 *   machine, or a slow network, is no reason to plan without it. The primary that is to be replaced is not waited for.
 * @param sign called on the way
 */
export async function askDatabase(
  context: MitigationContext,
  cluster: string,
  node: string,
  isNeeded: boolean,
  sign: Sign,
): Promise<Answer> {
  const first = await askOnce(context, cluster, node, quick, sign);
  if ("answer" in first) return first.answer;
  if (goneMeanwhile.has(first.failure.sqlstate)) return outcome(await askOnce(context, cluster, node, quick));
  const isSilent = first.failure.kind === "silent" || first.failure.kind === "broken";
  return outcome(isSilent && isNeeded ? await askOnce(context, cluster, node, patient) : first);
}

type Limits = Readonly<{ timeoutMs: number; queryTimeoutMs: number }>;
type Asked = Readonly<{ answer: Answer } | { failure: Reachability; problem: string }>;

function outcome(asked: Asked): Answer {
  if ("answer" in asked) return asked.answer;
  // SQLSTATE class 28: invalid authorization specification.
  const lockedOut = asked.failure.sqlstate?.startsWith("28") === true;
  return { reach: reachOf(asked.failure), problem: asked.problem, ...(lockedOut && { lockedOut }) };
}

async function askOnce(
  context: MitigationContext,
  cluster: string,
  node: string,
  limits: Limits,
  sign?: Sign,
): Promise<Asked> {
  try {
    const declared = clusterOf(context.system, cluster);
    const [asked, walEnd, clientsLogin] = await Promise.all([
      observed(context, cluster, node, limits, sign),
      walEndOf(context, cluster, node, limits),
      clientsLoginAt(declared, declared.nodes[node]?.url ?? ""),
    ]);
    const answer = { reach: "answers" as const, ...asked, ...(clientsLogin === undefined ? {} : { clientsLogin }) };
    if (walEnd === undefined) return { answer };
    // A standby's control file falls behind when it follows to a new timeline; its walsender knows better.
    const observation = { ...answer.observation, timelineId: walEnd.timelineId };
    return { answer: { ...answer, observation, walEnd } };
  } catch (error) {
    const failure = reachabilityOf(error);
    const silence = `${node} did not answer in ${limits.queryTimeoutMs / 1000} s`;
    const isPatient = limits === patient && failure.kind === "silent";
    return { failure, problem: isPatient ? silence : messageOf(error) };
  }
}

async function observed(context: MitigationContext, cluster: string, node: string, limits: Limits, sign?: Sign) {
  const ask = async (connection: Connection) => {
    sign?.letIn();
    const observation = await observeNode(connection);
    const isPromoting = observation.role === "standby" && (await isPendingAt(connection));
    const rights = await rightsOf(connection, observation.version);
    const commitSettings = await connection.query<CommitSetting>(commitSettingsQuery);
    return {
      observation,
      ...(isPromoting && { promoting: true as const }),
      rights,
      commitSettings,
      limits: await limitsOf(connection),
    };
  };
  if (limits === quick) return sessionsOf(context.fleet).useNew(cluster, node, ask);
  const connection = await context.fleet.connect(cluster, node, limits);
  try {
    return await ask(connection);
  } finally {
    void connection.close();
  }
}

async function isPendingAt(connection: Connection): Promise<boolean> {
  const now = await askRole(connection);
  return now.role === "standby" && now.promoting;
}

/** Undefined where it cannot be told: what needs it is refused then. */
async function walEndOf(
  context: MitigationContext,
  cluster: string,
  node: string,
  limits: Limits,
): Promise<WalEnd | undefined> {
  try {
    return await askWalEnd((options) => context.fleet.connect(cluster, node, options), limits);
  } catch (error) {
    if (error instanceof BlackstartError) return undefined;
    throw error;
  }
}

/** What is not `closed` may run, whatever it is that we see of it. */
function reachOf({ kind }: Reachability): Reach {
  switch (kind) {
    case "starting":
    case "closed":
      return kind;
    case "refused":
      return "denied";
    case "broken":
    case "silent":
    case "unreachable":
      return "silent";
  }
}
