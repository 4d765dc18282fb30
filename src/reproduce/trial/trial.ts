import { join } from "node:path";
import { BlackstartError, messageOf } from "../../base/error.ts";
import { pollUntil, systemClock } from "../../base/time.ts";
import { withConnection } from "../../drivers/postgres/connection.ts";
import type { Lab } from "../../lab/lab.ts";
import { findRedis, startRedis } from "../../lab/redis.ts";
import { type Configuration, type TrialSpec, trialSpec } from "../scenario/configuration.ts";
import type { Scenario } from "../scenario/schema.ts";
import { act } from "./act.ts";
import { startClients, usualSetup } from "./clients.ts";
import { whyUnresolved } from "./failure.ts";
import { startPrograms } from "./programs.ts";
import type { Settled } from "./rest.ts";
import type { Moment, TrialResult } from "./result.ts";
import { observe, type Seen } from "./symptom.ts";
import type { Means, World } from "./world.ts";

const setupTimeoutMs = 10_000;
const firstWriteTimeoutMs = 10_000;

/**
 * One trial: a fresh cluster, its clients, the factors in their order, the look for the symptom, and everything taken down
 * again. What keeps it from being carried out makes it unresolved. Thrown is an abort, and what would keep every other trial
 * from being carried out as well.
 */
export async function runTrial(
  scenario: Scenario,
  configuration: Configuration,
  means: Means,
  signal: AbortSignal,
): Promise<Omit<TrialResult, "sequence">> {
  const spec = trialSpec(scenario, configuration);
  const startedMs = performance.now();
  const at = systemClock.now();
  const moments: Moment[] = [];
  const passedMs = () => Math.round(performance.now() - startedMs);
  const passed: Settled[] = [];
  const say = (what: string) => void moments.push({ atMs: passedMs(), what });
  let lab: Lab | undefined;
  const carriedOut = async () => {
    const { outcome, seen, rest } = await story().catch((error: unknown) => {
      signal.throwIfAborted();
      const why = whyUnresolved(error, lab === undefined);
      return { outcome: "unresolved" as const, seen: `could not be carried out: ${why}`, rest: undefined };
    });
    const logs = lab && (await means.keepLogs(lab, { configuration, outcome }).catch(notKept(say)));
    say(seen);
    return {
      configuration,
      outcome,
      tookMs: passedMs(),
      moments,
      at,
      ...(passed.length === 0 ? {} : { passed }),
      ...(rest === undefined ? {} : { rest }),
      ...(logs === undefined ? {} : { logs }),
    };
  };
  const story = async () => {
    lab = await means.makeLab(spec, signal);
    say("the cluster is up");
    const stage = { scenario, means, lab, spec, say, rested: (settled: Settled) => void passed.push(settled), signal };
    const { shown, seen, rest } = await inLab(stage);
    return { outcome: shown ? ("reproduced" as const) : ("not-reproduced" as const), seen, rest };
  };
  const [ended] = await Promise.allSettled([carriedOut()]);
  const leftBehind = lab && (await takeDown(lab));
  // Then a lab that is left behind is told of by `lab status`, and taken away by the next search.
  if (ended.status === "rejected") throw ended.reason;
  return { ...ended.value, ...(leftBehind === undefined ? {} : { leftBehind }) };
}

/** Answers what is left of it: what was seen was seen, and is not lost with it. */
async function takeDown(lab: Lab): Promise<string | undefined> {
  return lab.down().then(
    () => undefined,
    (error: unknown) => `${lab.name} in ${lab.directory}: ${messageOf(error)}`,
  );
}

function notKept(say: World["say"]) {
  return (error: unknown) => {
    say(`its logs could not be kept: ${messageOf(error)}`);
    return undefined;
  };
}

type Stage = Readonly<{
  scenario: Scenario;
  means: Means;
  lab: Lab;
  spec: TrialSpec;
  say: World["say"];
  rested: World["rested"];
  signal: AbortSignal;
}>;

async function inLab(stage: Stage): Promise<Seen> {
  const { scenario, means, lab, spec, say, rested, signal } = stage;
  await setUp(scenario, lab, signal);
  // What is begun here ends when this block does, the last first: so every promise in it is awaited here.
  await using begun = new AsyncDisposableStack();
  const automation = spec.cluster.automation === "blackstart" ? await means.automate(lab) : undefined;
  begun.defer(async () => automation?.close());
  const environment = { ...spec.environment, ...(await surroundings(stage, begun)) };
  const programs = await startPrograms(scenario.workload.programs, environment, begun, signal);
  const clients = startClients(scenario.workload, () => lab.clientUrl(), signal);
  begun.defer(() => clients.stop());

  const world: World = { lab, clients, automation, environment, begun, signal, say, rested };
  const first = await pollUntil(async () => clients.lastAcceptedMs(), {
    everyMs: 2,
    timeoutMs: Math.max(firstWriteTimeoutMs, scenario.symptom["no-write-for"] ?? 0),
    signal,
  });
  // Where the differences of configuration alone keep the clients from writing, that is an outage as well.
  if (first === undefined) {
    if (scenario.symptom["no-write-for"] === undefined) throw noWrites(clients.lastRefusal());
    return { shown: true, seen: `no write was accepted from the beginning: ${clients.lastRefusal() ?? "no answer"}` };
  }
  say("the clients write");
  const storyBeganMs = performance.now();
  for (const action of spec.actions) {
    signal.throwIfAborted();
    await act(action, world);
  }
  const seen = await observe(scenario, world, { storyBeganMs, lastActionMs: performance.now() });
  const ended = programs.ended();
  if (ended !== undefined) throw programEnded(ended);
  return seen;
}

function programEnded(why: string): BlackstartError {
  return new BlackstartError("HOST_COMMAND_FAILED", {
    what: "A program of the scenario ended before the trial did.",
    why,
    next: "It must run as long as the trial does; see what it said.",
  });
}

/** What the scenario's programs and commands are told, and the Redis that they may use. */
async function surroundings({ means, lab, spec }: Stage, begun: AsyncDisposableStack) {
  const told = {
    BLACKSTART_LAB: lab.name,
    BLACKSTART_LAB_FOLDER: lab.directory,
    BLACKSTART_SCENARIO_FOLDER: means.scenarioFolder,
    BLACKSTART_CLIENT_URL: (await lab.clientUrl()) ?? "",
    ...Object.fromEntries(lab.nodes.map(({ name, url }) => [`BLACKSTART_URL_${name.toUpperCase()}`, url])),
  };
  if (!spec.cluster.redis) return told;
  const binary = await findRedis();
  if (binary === undefined)
    throw new BlackstartError("LAB_UNSUPPORTED", {
      what: "This scenario needs a Redis, and none is installed.",
      why: "Neither redis-server nor valkey-server is in the PATH.",
      next: "apt-get install redis-server",
    });
  const redis = await startRedis(binary, join(lab.directory, "redis"));
  begun.defer(() => redis.stop());
  return { ...told, BLACKSTART_REDIS_URL: redis.url };
}

async function setUp({ workload }: Scenario, lab: Lab, signal: AbortSignal): Promise<void> {
  // A manager on a busy machine may be a moment without a leader.
  const url = await pollUntil(() => lab.clientUrl(), { everyMs: 20, timeoutMs: setupTimeoutMs, signal });
  if (url === undefined) throw noWrites("the clients are led nowhere");
  const statements = [workload.write === undefined ? usualSetup : "", workload.setup ?? ""].filter((one) => one !== "");
  if (statements.length === 0) return;
  // It must not wait for a standby that some factor has taken away: the clients' own writes show that.
  await withConnection(url, { timeoutMs: setupTimeoutMs, queryTimeoutMs: setupTimeoutMs }, async (connection) => {
    await connection.query("set synchronous_commit = local");
    for (const statement of statements) await connection.query(statement);
  });
}

function noWrites(refusal: string | undefined): BlackstartError {
  return new BlackstartError("SYMPTOM_UNFIT", {
    what: `The clients of the trial could not write even before the first fault: ${refusal ?? "they got no answer"}.`,
    why: "The factors of configuration and topology alone keep them from it.",
    next: "If that is the outage, choose the symptom `no-write-for`; otherwise correct the factors.",
  });
}
