import { BlackstartError } from "../../base/error.ts";
import { delay, pollUntil } from "../../base/time.ts";
import { type Connection, withConnection } from "../../drivers/postgres/connection.ts";
import type { Scenario, Symptom } from "../scenario/schema.ts";
import { usualPresent } from "./clients.ts";
import { runCommand } from "./command.ts";
import { readingOn } from "./log-lines.ts";
import { lookAtRest, type Rest, restText, type Trouble, troublesOf } from "./rest.ts";
import type { World } from "./world.ts";

const everyMs = 5;
/** A pause between two looks that is longer than this was none of the event loop's own. */
const haltedMs = 250;
const usualWithinMs = 2000;
const usualRestMs = 30_000;
const queryTimeoutMs = 5000;
/** Writes can be counted as lost when one is accepted again. */
const acceptedAgainMs = 5000;

/** When (monotonic, in milliseconds) the story began, and when its last action had taken effect. */
export type StoryTimes = Readonly<{ storyBeganMs: number; lastActionMs: number }>;

export type Seen = Readonly<{ shown: boolean; seen: string; rest?: Rest }>;

/** Looks for the symptom after the last action; answers what was seen, in words, and whether that is the symptom. */
export async function observe(scenario: Scenario, world: World, times: StoryTimes): Promise<Seen> {
  const { symptom } = scenario;
  if (symptom["no-write-for"] !== undefined) return silence(symptom, symptom["no-write-for"], world, times);
  if (symptom["lost-writes"] !== undefined) return lostWrites(scenario, world, times.lastActionMs);
  if (symptom["at-rest"] !== undefined) return restWith(symptom["at-rest"], scenario, world);
  const withinMs = symptom.within ?? usualWithinMs;
  const look = notYet(lookFor(symptom, world));
  const seen = await pollUntil(look.look, { everyMs, timeoutMs: withinMs, signal: world.signal });
  if (seen !== undefined) return { shown: true, seen };
  if (look.problem() !== undefined) throw look.problem();
  return { shown: false, seen: `no symptom within ${withinMs} ms` };
}

/** While a primary is lost nobody can be asked; that is an answer only when the time for it is over. */
function notYet(look: () => Promise<string | undefined>) {
  let problem: BlackstartError | undefined;
  return {
    problem: () => problem,
    async look() {
      try {
        const seen = await look();
        problem = undefined;
        return seen;
      } catch (error) {
        if (!(error instanceof BlackstartError) || !passing.has(error.code)) throw error;
        problem = error;
        return undefined;
      }
    },
  };
}

const passing: ReadonlySet<string> = new Set(["UNREACHABLE", "SYMPTOM_UNFIT"]);

/**
 * The longest silence since the story began, wherever in it; a silence that is going on is waited for. Over is it when a
 * write is accepted that was begun after the last action, and as long after it as the scenario allows it to begin.
 */
async function silence(symptom: Symptom, forMs: number, world: World, { storyBeganMs, lastActionMs }: StoryTimes) {
  const { clients, signal } = world;
  const overMs = lastActionMs + (symptom.within ?? 0);
  let [fromMs, lastLookMs] = [storyBeganMs, performance.now()];
  for (;;) {
    const nowMs = performance.now();
    // We were halted ourselves: the clients, who are our own, have not been silent but stopped.
    if (nowMs - lastLookMs > Math.max(haltedMs, forMs / 2)) fromMs = nowMs;
    lastLookMs = nowMs;
    const silentMs = clients.longestSilenceMs(fromMs);
    if (silentMs >= forMs)
      return {
        shown: true,
        seen: `no write was accepted for ${Math.round(silentMs)} ms: ${clients.lastRefusal() ?? "no answer"}`,
      };
    const accepted = clients.lastAcceptedMs();
    if (accepted !== undefined && accepted >= overMs)
      return { shown: false, seen: `writes are accepted; the longest silence was ${Math.round(silentMs)} ms` };
    await delay(everyMs, signal);
  }
}

async function restWith(wanted: readonly Trouble[], { symptom, workload }: Scenario, world: World): Promise<Seen> {
  const rest = await lookAtRest(workload, world, symptom.within ?? usualRestMs);
  const shown = troublesOf(rest).some((trouble) => wanted.includes(trouble));
  return { shown, seen: restText(rest), rest };
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
  return () =>
    on(world, node, async (connection) => {
      try {
        await connection.query(statement, [], { timeoutMs: queryTimeoutMs });
        return undefined;
      } catch (error) {
        if (!(error instanceof BlackstartError)) throw error;
        const state = String(error.details.sqlstate ?? "");
        return state !== "" && state.startsWith(sqlstate) ? `${state} ${error.message}` : undefined;
      }
    });
}

function inLogs({ lab }: World, expression: RegExp, node: string | undefined) {
  const nodes = node === undefined ? lab.nodes : [lab.node(node)];
  const logs = nodes.flatMap(({ name, logs }) => logs.map((file) => ({ name, more: readingOn(file) })));
  return async () => {
    for (const { name, more } of logs) {
      const found = expression.exec(more());
      if (found !== null) return `${name} logged: ${found[0]}`;
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
