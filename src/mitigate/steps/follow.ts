import { BlackstartError, messageOf, whatAndWhy } from "../../base/error.ts";
import { aimedAt, parseConninfo } from "../../drivers/postgres/conninfo.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import { type Following, followingText, keepsUp } from "../../drivers/postgres/following.ts";
import { lookAt } from "../../drivers/postgres/looks.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { type Lowered, lowerUnlessPassing } from "./commits.ts";
import { explained, followingOf, type Pair } from "../following.ts";
import { stepFailed, text, texts } from "./parameters.ts";
import { setPrimaryConninfo } from "./primary-conninfo.ts";
import { refusedUnlessPrimary } from "./roles.ts";
import { loginOf } from "./replication-conninfo.ts";
import { senderOf } from "./sender.ts";
import { replicationAddress, sessions } from "./servers.ts";
import { provideSlot } from "./slot.ts";
import { upstreamFor } from "./upstream.ts";

const followTimeoutMs = 5000;
/** Those that follow had their time already. */
const lateMs = 500;
/** One that follows already shows it at once. */
const soonMs = 100;

/**
 * The other standbys stream from the new primary. A reload suffices from PostgreSQL 13 on. One that has gone further
 * than the new primary, or on another timeline, never can: it is named, and a later step brings it back.
 */
export function followHandler(context: MitigationContext): StepHandler {
  return {
    kind: "postgres.follow",
    check: async (step) => (await refusedUnlessPrimary(context, step)) ?? { state: "ready" },
    async do(step) {
      const others = texts(step, "nodes").filter((node) => node !== text(step, "primary"));
      const results = await Promise.all(others.map((node) => follow(context, step, node)));
      const failed = results.filter((one) => one.problem !== undefined);
      const lowered = await letCommitsPass(context, step, failed.length > 0);
      if (failed.length > 0) {
        const following = results.filter((one) => one.problem === undefined).map((one) => one.node);
        throw stepFailed(
          `${failed.map((one) => one.node).join(", ")} cannot follow ${text(step, "primary")}${following.length > 0 ? `; ${following.join(", ")} does` : ""}.`,
          failed.map((one) => `${one.node} ${one.problem}`).join(" "),
          `${lowered === undefined ? "" : `So that no write hangs, synchronous_standby_names is '${lowered.to}' until then. `}The plan goes on, and brings back later what cannot follow now.`,
        );
      }
      const slots = results.flatMap(({ slot }) => slot ?? []);
      const alone = results.filter(({ how }) => how === "left-alone").map(({ node }) => node);
      return {
        ...(lowered === undefined ? {} : { lowered }),
        ...(slots.length > 0 ? { slotsMade: slots } : {}),
        following: results.filter(({ how }) => how === "already" || how === "follows").map((one) => one.node),
        cascading: results.filter((one) => one.how === "cascades").map((one) => one.node),
        ...(alone.length > 0 ? { leftAlone: alone } : {}),
      };
    },
    async verify() {
      // `do` ends only when each follows, as two looks at it and one at the primary say.
    },
  };
}

/** What was set before the promotion was to be waited for; whoever does not come is not. */
async function letCommitsPass(
  context: MitigationContext,
  step: StepContext,
  isLate: boolean,
): Promise<Lowered | undefined> {
  return sessions(context).use(text(step, "cluster"), text(step, "primary"), (connection) =>
    lowerUnlessPassing(context, step, connection, isLate ? lateMs : undefined),
  );
}

type Followed = Readonly<{
  node: string;
  how?: "already" | "follows" | "cascades" | "left-alone";
  problem?: string;
  slot?: string;
}>;

function leftAlone(step: StepContext, node: string, one: Following): Followed {
  step.progress(`${node} ${followingText(one)}.`);
  return { node, how: "left-alone" };
}

async function follow(context: MitigationContext, step: StepContext, node: string): Promise<Followed> {
  const [cluster, primary] = [text(step, "cluster"), text(step, "primary")];
  const pair = { cluster, node, primary };
  try {
    return await sessions(context).use(cluster, node, async (connection): Promise<Followed> => {
      const look = await lookAt(connection);
      if (look.role === "primary") return { node, problem: "takes writes itself." };
      // What its owner has not aimed at any primary is not ours to aim.
      if (look.wantsStreaming === false && look.restores === true)
        return leftAlone(step, node, { kind: "archive-only" });
      const upstream = await upstreamFor(context, cluster, node, primary);
      const from = await senderOf(context, cluster, node, look.sender);
      // Another standby of this plan from which it streams, and goes on doing so.
      const isMiddle = upstream === primary && from !== undefined && texts(step, "nodes").includes(from);
      const middle = from !== primary && (isMiddle || from === upstream) ? from : undefined;
      const how = middle !== undefined ? "cascades" : from === upstream ? "already" : "follows";
      if (how !== "follows" && keepsUp(await followingOf(context, pair, { timeoutMs: soonMs, signal: step.signal })))
        return { node, how };
      const slot = await slotOf(connection);
      const made = (await provideSlot(context, step, { node, upstream: middle ?? upstream, slot })) ? { slot } : {};
      if (how !== "cascades") {
        await step.assertHeld();
        await aimAt(context, step, connection, { pair, upstream });
      }
      const one = await followingOf(context, pair, { timeoutMs: followTimeoutMs, signal: step.signal });
      if (one.kind === "asks-later") return { ...leftAlone(step, node, one), ...made };
      if (keepsUp(one)) return { node, how, ...made };
      return { node, problem: (await explained(one, await context.fleet.instance(cluster, node))).text };
    });
  } catch (error) {
    if (step.signal.aborted) throw error;
    if (!(error instanceof BlackstartError)) return { node, problem: messageOf(error) };
    return { node, problem: `${whatAndWhy(error)} ${error.next}` };
  }
}

async function aimAt(
  context: MitigationContext,
  step: StepContext,
  connection: Connection,
  { pair, upstream }: Readonly<{ pair: Pair; upstream: string }>,
): Promise<void> {
  const { cluster, node } = pair;
  const rows = await connection.query<{ value: string }>("select current_setting('primary_conninfo') as value");
  const before = rows[0]?.value ?? "";
  const aimed =
    before === ""
      ? (await loginOf(context, pair, await context.fleet.instance(cluster, node))).conninfo
      : aimedAt(parseConninfo(before), replicationAddress(context, cluster, upstream, node));
  await setPrimaryConninfo(context, step, { cluster, node, connection }, aimed);
}

async function slotOf(connection: Connection): Promise<string> {
  const rows = await connection.query<{ slot: string }>("select current_setting('primary_slot_name') as slot");
  return rows[0]?.slot ?? "";
}
