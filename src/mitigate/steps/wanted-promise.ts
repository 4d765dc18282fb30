import { BlackstartError } from "../../base/error.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import { nameBySettings } from "../../drivers/postgres/names.ts";
import { observeNode } from "../../drivers/postgres/observe.ts";
import { parseSynchronousNames, type SynchronousNames } from "../../drivers/postgres/synchronous-names.ts";
import { askStall } from "../../drivers/postgres/synchronous-wait.ts";
import type { StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { type Member, membersAmong, type Promised, promiseNow, promiseUnder, standIns } from "../promise.ts";
import { streamingFrom, synchronousSetting } from "./commits.ts";
import { number, objects, stepFailed, text, texts } from "./parameters.ts";
import { sessions } from "./servers.ts";

/* For which standbys a step is to let commits wait, by who is there now. */

/** A member that does not say by then that it is there is not waited for. */
const askTimeoutMs = 1000;

export function isBefore(step: StepContext): boolean {
  return step.parameters.when === "before-promotion";
}

export async function wantedOf(
  context: MitigationContext,
  step: StepContext,
  connection: Connection,
): Promise<SynchronousNames | undefined> {
  const [node, planned] = [text(step, "node"), promisedOf(step)];
  if (step.parameters.when === "degraded") {
    const names = parseSynchronousNames(await synchronousSetting(connection));
    const stall = await askStall(connection, step.signal);
    const streaming = standIns(names, planned.members, stall?.confirming ?? (await streamingFrom(connection)));
    // What a person has agreed to give up, and no more.
    if (streaming.length < planned.count)
      throw stepFailed(
        `${streaming.length} of the ${planned.count} standbys are there that ${node} was to wait for; synchronous_standby_names is left as it is.`,
        "Others were there when this plan was made.",
        "Make a new plan: it says what is given up now.",
      );
    const count = Math.min(names?.count ?? planned.count, streaming.length);
    return { ...planned, count, names: [...new Set(streaming)] };
  }
  const asked = isBefore(step) ? texts(step, "among") : planned.members.map((one) => one.node);
  const present = await presentOf(context, step, asked, connection);
  const promised = {
    ...planned,
    members: planned.members.map((one) => ({ ...one, ...present.find(({ node: other }) => other === one.node) })),
  };
  return isBefore(step) ? promiseNow(promised, node, membersAmong(promised, present)) : promiseUnder(promised, node);
}

export function promisedOf(step: StepContext): Promised {
  return {
    count: number(step, "count"),
    method: step.parameters.method === "any" ? "any" : "first",
    names: texts(step, "names"),
    members: objects(step, "members").map(({ node, name, spared }) => ({
      node: String(node),
      name: typeof name === "string" ? name : null,
      ...(spared === true ? { spared } : {}),
    })),
    old: text(step, "old"),
  };
}

/** Those that answer as standbys now, each with the name that it says it has. @param own to the step's own node */
async function presentOf(
  context: MitigationContext,
  step: StepContext,
  nodes: readonly string[],
  own: Connection,
): Promise<readonly Member[]> {
  const asked = nodes.map(async (node): Promise<readonly Member[]> => {
    const ask = async (connection: Connection) => {
      const { role, receiver, settings, replayWaits } = await observeNode(connection, { timeoutMs: askTimeoutMs });
      const name = receiver?.name ?? nameBySettings(settings);
      // It asks the new primary for WAL only when its replay gets to the end of what it holds.
      const comesLater = isBefore(step) && replayWaits === true && node !== text(step, "node");
      return role === "standby" && name !== undefined && !comesLater ? [{ node, name }] : [];
    };
    try {
      if (node === text(step, "node")) return await ask(own);
      return await sessions(context).use(text(step, "cluster"), node, ask);
    } catch (error) {
      if (error instanceof BlackstartError) return []; // It does not answer: it is not waited for.
      throw error;
    }
  });
  return (await Promise.all(asked)).flat();
}
