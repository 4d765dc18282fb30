import { readFileSync } from "node:fs";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import { type Connection, withConnection } from "../../drivers/postgres/connection.ts";
import type { Scenario, Symptom } from "../scenario/schema.ts";
import { usualPresent } from "./clients.ts";
import { runCommand } from "./command.ts";
import type { World } from "./world.ts";

const everyMs = 5;
const usualWithinMs = 2000;
const queryTimeoutMs = 5000;
/** Writes can be counted as lost when one is accepted again. */
const acceptedAgainMs = 5000;

/**
 * Looks for the symptom after the last action.
 * @param sinceMs when (monotonic) the last action had taken effect
 * @returns what was seen, in words, and whether that is the symptom
 */
export async function observe(
  scenario: Scenario,
  world: World,
  sinceMs: number,
): Promise<{ shown: boolean; seen: string }> {
  const { symptom } = scenario;
  const withinMs = symptom.within ?? usualWithinMs;
  if (symptom["no-write-for"] !== undefined)
    return silence(world, sinceMs + (symptom.within ?? 0), symptom["no-write-for"]);
  if (symptom["lost-writes"] !== undefined) return lostWrites(scenario, world, sinceMs);
  const look = lookFor(symptom, world);
  const seen = await pollUntil(look, { everyMs, timeoutMs: withinMs, signal: world.signal });
  return seen === undefined ? { shown: false, seen: `no symptom within ${withinMs} ms` } : { shown: true, seen };
}

/** Whoever waits knows at once when a write that was begun late enough is accepted: then the silence never came. */
async function silence({ clients, signal }: World, sinceMs: number, forMs: number) {
  const startedMs = performance.now();
  const answer = await pollUntil(
    async () => {
      const accepted = clients.lastAcceptedMs();
      const silentMs = performance.now() - (accepted ?? startedMs);
      if (silentMs >= forMs)
        return {
          shown: true,
          seen: `no write was accepted for ${Math.round(silentMs)} ms: ${clients.lastRefusal() ?? "no answer"}`,
        };
      return accepted !== undefined && accepted >= sinceMs ? { shown: false, seen: "writes are accepted" } : undefined;
    },
    // It is long enough: either of the two has come true by then.
    { everyMs, timeoutMs: Math.max(0, sinceMs - startedMs) + forMs + 10 * everyMs + 1000, signal },
  );
  if (answer !== undefined) return answer;
  throw new Error("neither a silence nor a write was seen");
}

async function lostWrites({ symptom, workload }: Scenario, world: World, sinceMs: number) {
  const timeoutMs = symptom.within ?? acceptedAgainMs;
  const again = await pollUntil(async () => ((world.clients.lastAcceptedMs() ?? 0) >= sinceMs ? true : undefined), {
    everyMs,
    timeoutMs,
    signal: world.signal,
  });
  // Where nothing takes writes, they may be there still: that is another outage.
  if (!again) return { shown: false, seen: `no write was accepted within ${timeoutMs} ms: none can be called lost` };
  await world.clients.stop();
  const acknowledged = world.clients.acknowledged();
  const rows = await on(world, undefined, (connection) =>
    connection.query<Record<string, unknown>>(workload.present ?? usualPresent, [], { timeoutMs: queryTimeoutMs }),
  );
  const there = new Set(rows.map((row) => Number(Object.values(row)[0])));
  const lost = acknowledged.filter((number) => !there.has(number));
  return {
    shown: lost.length > 0,
    seen: `${lost.length} of ${acknowledged.length} acknowledged writes are not there`,
  };
}

/** Answers what was seen once the symptom shows. */
function lookFor(symptom: Symptom, world: World): () => Promise<string | undefined> {
  if (symptom.log !== undefined) return inLogs(world, new RegExp(symptom.log, "m"), symptom.on);
  if (symptom.violated !== undefined) {
    const { violated, on: node } = symptom;
    return async () => {
      const rows = await on(world, node, (connection) => connection.query(violated, [], { timeoutMs: queryTimeoutMs }));
      return rows.length === 0 ? undefined : `${rows.length} rows violate it, the first: ${JSON.stringify(rows[0])}`;
    };
  }
  if (symptom.fails !== undefined) return failing(world, symptom.fails, symptom);
  const command = symptom.command ?? "false";
  return async () => ((await runCommand(command, world)) === 0 ? "the command ended with 0" : undefined);
}

function failing(world: World, statement: string, { sqlstate = "", on: node }: Symptom) {
  return async () => {
    try {
      await on(world, node, (connection) => connection.query(statement, [], { timeoutMs: queryTimeoutMs }));
      return undefined;
    } catch (error) {
      if (!(error instanceof BlackstartError)) throw error;
      const state = String(error.details.sqlstate ?? "");
      return state.startsWith(sqlstate) ? `${state} ${error.message}`.trim() : undefined;
    }
  };
}

function inLogs({ lab }: World, expression: RegExp, node: string | undefined) {
  const nodes = node === undefined ? lab.nodes : [lab.node(node)];
  return async () => {
    for (const one of nodes) {
      const found = one.logs.map((file) => expression.exec(readFileSync(file, "utf8"))).find((match) => match !== null);
      if (found != null) return `${one.name} logged: ${found[0]}`;
    }
    return undefined;
  };
}

/** On a node, or where the clients are led. */
async function on<T>(world: World, node: string | undefined, use: (connection: Connection) => Promise<T>): Promise<T> {
  const url = node === undefined ? await world.lab.clientUrl() : world.lab.node(node).url;
  if (url === undefined) throw unfit("The clients are led nowhere, so nothing can be asked.");
  return withConnection(url, { timeoutMs: queryTimeoutMs }, use);
}

function unfit(what: string): BlackstartError {
  return new BlackstartError("SYMPTOM_UNFIT", {
    what,
    why: "This symptom needs a cluster that works again when the story is over.",
    next: "Add to `afterwards` what brings it back (`promote`, `heal`), or choose the symptom `no-write-for`.",
  });
}
