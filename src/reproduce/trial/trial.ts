import { BlackstartError, whatAndWhy } from "../../base/error.ts";
import { pollUntil, systemClock } from "../../base/time.ts";
import { withConnection } from "../../drivers/postgres/connection.ts";
import type { Lab } from "../../lab/lab.ts";
import { type Configuration, trialSpec } from "../scenario/configuration.ts";
import type { Scenario } from "../scenario/schema.ts";
import { act } from "./act.ts";
import { startClients, usualSetup } from "./clients.ts";
import type { Moment, TrialResult } from "./result.ts";
import { observe } from "./symptom.ts";
import type { Means, World } from "./world.ts";

const setupTimeoutMs = 10_000;
const firstWriteTimeoutMs = 10_000;

/**
 * One trial: a fresh cluster, its clients, the factors in their order, the look for the symptom, and everything taken down
 * again. What keeps it from being carried out makes it unresolved; only an abort is thrown.
 */
export async function runTrial(
  scenario: Scenario,
  configuration: Configuration,
  means: Means,
  signal: AbortSignal,
): Promise<TrialResult> {
  const spec = trialSpec(scenario, configuration);
  const startedMs = performance.now();
  const at = systemClock.now();
  const moments: Moment[] = [];
  const say = (what: string) => void moments.push({ atMs: Math.round(performance.now() - startedMs), what });
  const result = (outcome: TrialResult["outcome"], logs?: string): TrialResult => ({
    configuration,
    outcome,
    tookMs: Math.round(performance.now() - startedMs),
    moments,
    at,
    ...(logs === undefined ? {} : { logs }),
  });
  let lab: Lab | undefined;
  try {
    lab = await means.makeLab(spec, signal);
    say("the cluster is up");
    const { shown, seen } = await inLab({ scenario, means, lab, actions: spec.actions, say, signal });
    say(seen);
    const outcome = shown ? "reproduced" : "not-reproduced";
    const logs = await means.keepLogs(lab, outcome);
    return result(outcome, logs);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BlackstartError)) throw error;
    if (error.code === "INTERNAL") throw error;
    say(`could not be carried out: ${whatAndWhy(error)}`);
    return result("unresolved", lab && (await means.keepLogs(lab, "unresolved")));
  } finally {
    await lab?.down();
  }
}

type Stage = Readonly<{
  scenario: Scenario;
  means: Means;
  lab: Lab;
  actions: ReturnType<typeof trialSpec>["actions"];
  say: World["say"];
  signal: AbortSignal;
}>;

async function inLab({ scenario, means, lab, actions, say, signal }: Stage): Promise<{ shown: boolean; seen: string }> {
  await setUp(scenario, lab);
  await using automation = disposable(
    scenario.cluster.automation === "blackstart" ? await means.automate(lab) : undefined,
    (one) => one?.close(),
  );
  void automation;
  await using clients = disposable(
    startClients(scenario.workload, () => lab.clientUrl(), signal),
    (one) => one.stop(),
  );
  const world: World = { lab, clients: clients.value, signal, say };
  const startedMs = performance.now();
  const first = await pollUntil(async () => clients.value.lastAcceptedMs(), {
    everyMs: 2,
    timeoutMs: Math.min(firstWriteTimeoutMs, scenario.symptom["no-write-for"] ?? firstWriteTimeoutMs),
    signal,
  });
  // Where the differences of configuration alone keep the clients from writing, that is an outage as well.
  if (first === undefined) {
    if (scenario.symptom["no-write-for"] !== undefined) return await observe(scenario, world, startedMs);
    throw noWrites(clients.value.lastRefusal());
  }
  say("the clients write");
  for (const action of actions) await act(action, world);
  // Awaited here: what is disposed of at the end of this block must not be gone before.
  return await observe(scenario, world, performance.now());
}

async function setUp({ workload }: Scenario, lab: Lab): Promise<void> {
  const url = await lab.clientUrl();
  if (url === undefined) throw noWrites("the clients are led nowhere");
  const setup = workload.setup ?? (workload.write === undefined ? usualSetup : undefined);
  if (setup === undefined) return;
  // It must not wait for a standby that some factor has taken away: the clients' own writes show that.
  await withConnection(url, { timeoutMs: setupTimeoutMs, queryTimeoutMs: setupTimeoutMs }, async (connection) => {
    await connection.query("set synchronous_commit = local");
    await connection.query(setup);
  });
}

function noWrites(refusal: string | undefined): BlackstartError {
  return new BlackstartError("SYMPTOM_UNFIT", {
    what: `The clients of the trial could not write even before the first fault: ${refusal ?? "they got no answer"}.`,
    why: "The factors of configuration and topology alone keep them from it.",
    next: "If that is the outage, choose the symptom `no-write-for`; otherwise correct the factors.",
  });
}

function disposable<T>(value: T, close: (value: T) => Promise<void> | undefined) {
  return {
    value,
    async [Symbol.asyncDispose]() {
      await close(value);
    },
  };
}
