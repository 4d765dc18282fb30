import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { delay } from "../../src/base/time.ts";
import { findBinaries } from "../../src/lab/binaries.ts";
import type { Line } from "../cli/command-line.ts";
import type { Spares } from "../../src/lab/spares.ts";
import { acknowledgedAfterFence, unfelt } from "../support/invariants/claims.ts";
import { walPrefix } from "../support/invariants/wal-prefix.ts";
import {
  hangs,
  isDurable,
  longestGapMs,
  lostOf,
  type Span,
  twoPrimaries,
  type Write,
} from "../support/invariants/writes.ts";
import { type Animal, breed } from "./animal.ts";
import { type Clients, startClients } from "./clients.ts";
import { type Done, inject, type Stage } from "./faults.ts";
import { fromZoo } from "./from-zoo.ts";
import { type Evidence, judge, type Verdict } from "./judge.ts";
import { type Action, type Person, person } from "./person.ts";
import { type Product, startProduct, type Told } from "./product.ts";
import { isWhole, missingOf, type Truth, truthOf } from "./rest.ts";
import { byHand, describeFault, type Fault, type Schedule } from "./schedule.ts";

/** What a trial was, and what came of it. Plain data: it goes from the process that ran it to the one that counts. */
export type Result = Readonly<{
  schedule: Schedule;
  /** Of the faults, those that the world left room for. */
  injected: readonly string[];
  acknowledged: number;
  gapMs: number;
  tookMs: number;
  /** How long after the healing all was well. */
  restMs: number;
  verdict: Verdict;
  actions: readonly Action[];
  /** What was done and seen, a line each, with the milliseconds since the beginning. */
  log: readonly string[];
}>;

export type TrialOptions = Readonly<{
  folder: string;
  /** By major version. */
  binaries: (major: number) => string;
  spares?: Spares;
}>;

const watchTimeoutMs = 60_000;
const usualStartMs = 2000;
const byItselfMs = 4000;
const restBoundMs = 60_000;
const settledMs = 400;
const hangBoundMs = 4000;

export async function trial(schedule: Schedule, options: TrialOptions): Promise<Result> {
  const startedMs = performance.now();
  const { folder } = options;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const lines: string[] = [];
  const say = (text: string) => void lines.push(`${Math.round(performance.now() - startedMs)} ms  ${text}`);
  say(JSON.stringify(schedule.animal));
  const animal = await animalOf(schedule, options);
  let product: Product | undefined;
  let clients: Clients | undefined;
  try {
    withPolicy(animal, schedule);
    clients = await startClients(animal);
    const movableClock = schedule.faults.some(({ kind }) => kind === "step-clock");
    product = startProduct(folder, animal.systemFile, { movableClock, variables: animal.variables });
    const slowness = await watched(product, clients, animal, say);
    const stage: Stage = { animal, product, say };
    const { injected, timesMs } = await carryOut(schedule, stage, Math.min(slowness, slownessMax));
    const healedMs = performance.now();
    say("healed");
    const someone = person(stage);
    const truth = await comeToRest(stage, clients, someone, { healedMs, slowness });
    const restMs = performance.now() - healedMs;
    say(isWhole(truth) ? "whole" : `not whole: ${missingOf(truth)}`);
    const findings = await findingsOf(product, truth);
    const branches = await branchesOf(animal, truth);
    await clients.stop();
    const writes = clients.writes();
    const isByHand = schedule.faults.some(({ kind }) => byHand.has(kind));
    const verdict = judge({
      schedule,
      truth,
      writes,
      lost: await lostWrites(animal, truth, mustSurvive(writes, schedule, product.told, someone)),
      windows: isByHand ? [] : twoPrimaries(writes),
      hangs: hangs(writes, explained(product.told, healedMs), hangBoundMs),
      branches,
      ...claims(product.told, writes, { slowness, timesMs, isByHand }),
      findings,
    });
    for (const reason of verdict.failures) say(`FAILED: ${reason}`);
    return {
      schedule,
      injected,
      acknowledged: writes.filter(({ outcome }) => outcome === "acknowledged").length,
      gapMs: Math.round(longestGapMs(writes, performance.now())),
      tookMs: Math.round(performance.now() - startedMs),
      restMs: Math.round(restMs),
      verdict,
      actions: someone.done,
      log: lines,
    };
  } finally {
    await clients?.stop();
    await product?.stop();
    await animal.down();
    writeFileSync(join(folder, "trial.log"), `${lines.join("\n")}\n`);
    writeFileSync(join(folder, "schedule.json"), `${JSON.stringify(schedule, null, 2)}\n`);
  }
}

async function animalOf({ animal }: Schedule, { folder, binaries, spares }: TrialOptions): Promise<Animal> {
  if (animal.recipe !== undefined) return fromZoo(animal.recipe);
  const maker = { folder, binaries: await findBinaries({ directory: binaries(animal.major) }) };
  const bred = await breed(animal, spares === undefined ? maker : { ...maker, spares });
  spares?.refill();
  return bred;
}

function withPolicy({ systemFile }: Animal, { policy }: Schedule): void {
  writeFileSync(systemFile, `mitigation: ${JSON.stringify(policy)}\n`, {
    flag: "a",
  });
}

/**
 * Until it has seen the cluster as it is while it is well: before that, an outage is another story. Answers how much slower
 * than usual this machine is now, by how long that took; whoever waits has so much more patience.
 */
async function watched(product: Product, clients: Clients, animal: Animal, say: Stage["say"]): Promise<number> {
  const startedMs = performance.now();
  const deadline = performance.now() + watchTimeoutMs;
  for (;;) {
    const status = await statusOf(product);
    const isSeen =
      status?.nodes.length === animal.nodes.length && status.nodes.every(({ condition }) => condition === "up");
    if (isSeen && clients.lastAcknowledged() !== undefined) {
      say("watched");
      return Math.min(10, Math.max(1, (performance.now() - startedMs) / usualStartMs));
    }
    if (performance.now() > deadline) throw new Error("up has not seen the cluster within 60 s");
    await delay(50);
  }
}

/** Undefined: it does not answer, or does not run. */
async function statusOf(product: Product): Promise<StatusAnswer | undefined> {
  const url = product.url();
  if (url === undefined) return undefined;
  return fetch(`${url}/api/status`, { signal: AbortSignal.timeout(1000) }).then(
    (answer) => answer.json() as Promise<StatusAnswer>,
    () => undefined, // Just killed, or suspended.
  );
}

type StatusAnswer = Readonly<{
  findings: readonly Line[];
  nodes: readonly { condition: string }[];
  plans: readonly { id: string; state: string }[];
}>;

/** Faults last longer where all is slow, or they would be over before anybody noticed; but not for ever. */
const slownessMax = 4;

/** Each at its time; those that end by themselves are taken back then, and all of them in the end. */
async function carryOut(
  schedule: Schedule,
  stage: Stage,
  slowness: number,
): Promise<Readonly<{ injected: readonly string[]; timesMs: readonly number[] }>> {
  const takeBack = new Set<() => void>();
  const injected: string[] = [];
  const timesMs: number[] = [];
  for (const fault of schedule.faults) {
    await moment(fault, stage.product);
    const done = await inject(stage, fault).catch((error: unknown): Done => ({ words: `could not: ${String(error)}` }));
    stage.say(`fault: ${describeFault(fault)}: ${done?.words ?? "no room for it"}`);
    if (done === undefined) continue;
    injected.push(fault.kind);
    // It lasts: what is said meanwhile may be true and not be felt.
    timesMs.push(performance.now(), performance.now() + fault.forMs * slowness);
    const { takeBack: back } = done;
    if (back === undefined) continue;
    takeBack.add(back);
    setTimeout(() => {
      if (takeBack.delete(back)) {
        back();
        stage.say(`over: ${fault.kind}`);
      }
    }, fault.forMs * slowness);
  }
  await delay(schedule.restMs * slowness);
  for (const back of takeBack) back();
  takeBack.clear();
  stage.animal.links?.healAll();
  stage.animal.hosts?.healAll();
  return { injected, timesMs: [...timesMs, performance.now()] };
}

async function moment({ when }: Fault, product: Product): Promise<void> {
  if ("afterMs" in when) return delay(when.afterMs);
  const { step, orAfterMs } = when;
  await new Promise<void>((resolve) => {
    setTimeout(resolve, orAfterMs);
    product.onTold(({ event }) => {
      if (event.kind === "step.intended" && event.data.step.startsWith(step)) resolve();
    });
  });
}

/** By itself first, as far as it may; then with a person who does what it says. */
async function comeToRest(
  { animal, product, say }: Stage,
  clients: Clients,
  someone: Person,
  { healedMs, slowness }: Readonly<{ healedMs: number; slowness: number }>,
): Promise<Truth> {
  let wholeSinceMs: number | undefined;
  let nothingLeft = 0;
  let actedMs = 0;
  for (;;) {
    const truth = await truthOf(animal, clients);
    const nowMs = performance.now();
    if (isWhole(truth)) {
      wholeSinceMs ??= nowMs;
      if (nowMs - wholeSinceMs >= settledMs && !(await isBusy(product))) return truth;
    } else wholeSinceMs = undefined;
    if (nowMs - healedMs > restBoundMs * slowness) return truth;
    const isPersonsTurn =
      nowMs - healedMs > byItselfMs * slowness && nowMs - actedMs > 1500 * slowness && wholeSinceMs === undefined;
    if (isPersonsTurn && !(await isBusy(product))) {
      const acted = await someone.act();
      actedMs = performance.now();
      if (acted === undefined) {
        nothingLeft += 1;
        say(`person: nothing left to do, ${missingOf(truth)}`);
        if (nothingLeft >= 4) return truth;
      } else nothingLeft = 0;
    }
    await delay(60);
  }
}

/** A plan is being carried out. */
async function isBusy(product: Product): Promise<boolean> {
  return (await statusOf(product))?.plans.some(({ state }) => state === "running") ?? false;
}

/** What it says is wrong: where all is well, `up` is asked, which is quicker; else every check is made anew. */
async function findingsOf(product: Product, truth: Truth): Promise<readonly Line[]> {
  const status = isWhole(truth) ? await statusOf(product) : undefined;
  if (status !== undefined) return status.findings;
  const check = await product.run("check");
  return check.records.flatMap(({ finding }) => finding ?? []);
}

/**
 * What was acknowledged after a standby had it; and where Blackstart took over saying that nothing is lost, also what
 * asked for that. What was acknowledged before a person accepted a loss may be lost.
 */
function mustSurvive(writes: readonly Write[], { faults }: Schedule, told: readonly Told[], someone: Person) {
  const edited = faults.some(({ kind }) => kind === "edit-synchronous" || kind === "start-as-primary");
  const saysNothingIsLost = told.some(
    ({ event }) =>
      event.kind === "plan.stored" && event.data.plan.kind === "failover" && event.data.plan.risk.lossBytes === 0,
  );
  return writes.filter((write) => {
    if (write.endedMs <= someone.acceptedLossMs || write.outcome !== "acknowledged") return false;
    const asked = write.level !== "local" && write.level !== "off";
    return isDurable(write) || (saysNothingIsLost && !edited && asked && write.by === "client");
  });
}

async function lostWrites(animal: Animal, { writers }: Truth, must: readonly Write[]): Promise<readonly Write[]> {
  const primary = animal.nodes.find(({ name }) => name === writers[0]);
  if (primary === undefined || writers.length > 1) return [];
  const client = new pg.Client({ ...primary.login, connectionTimeoutMillis: 30_000, query_timeout: 30_000 });
  client.on("error", () => undefined); // The query tells it.
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>("select id from nemesis");
    return lostOf(must, new Set(rows.map(({ id }) => Number(id))));
  } finally {
    await client.end();
  }
}

/** What a standby that follows holds and the primary does not: by the files alone, whatever the servers say. */
async function branchesOf(animal: Animal, { writers, nodes }: Truth): Promise<readonly string[]> {
  const wal = nodes.flatMap(({ name, timeline }) => {
    const dataDirectory = animal.nodes.find((node) => node.name === name)?.dataDirectory;
    return timeline === null || dataDirectory === undefined ? [] : [{ node: name, timeline, dataDirectory }];
  });
  const primary = wal.find(({ node }) => node === writers[0]);
  if (primary === undefined) return [];
  const followers = wal.filter(({ node }) => nodes.some(({ name, follows }) => name === node && follows));
  const verdicts = await Promise.all(
    followers.map(async (standby) => ({ standby, verdict: await walPrefix(primary, standby) })),
  );
  return verdicts.flatMap(({ standby, verdict }) =>
    verdict.kind === "differs" ? `the WAL of ${standby.node} is no prefix of the primary's: ${verdict.why}` : [],
  );
}

/** Of what it said, what the clients can confirm or deny. */
function claims(
  told: readonly Told[],
  writes: readonly Write[],
  { slowness, timesMs, isByHand }: Readonly<{ slowness: number; timesMs: readonly number[]; isByHand: boolean }>,
): Pick<Evidence, "fencedWrites" | "unfelt"> {
  const steps = new Map<string, Readonly<{ kind: string; node: string }>>(
    told.flatMap(({ event }) =>
      event.kind === "plan.stored"
        ? (event.data.plan.steps as readonly Line[]).map(
            ({ id, kind, parameters }) => [`${event.stream} ${id}`, { kind, node: parameters.node }] as const,
          )
        : [],
    ),
  );
  const stepOf = ({ event }: Told) => steps.get(`${event.stream} ${event.data.step}`);
  // Started again by a plan, or no longer marked: from then on it may be a primary.
  const endsOf = (node: string, atMs: number) =>
    told.find(
      (one) =>
        one.atMs > atMs &&
        one.event.kind === "step.intended" &&
        stepOf(one)?.node === node &&
        /^(host.unmark|postgres.start)$/.test(stepOf(one)?.kind ?? ""),
    )?.atMs;
  const fences = told.flatMap((one) => {
    const { kind, node = "" } = stepOf(one) ?? {};
    if (one.event.kind !== "step.done" || kind !== "postgres.fence") return [];
    const untilMs = endsOf(node, one.atMs);
    return [{ node, atMs: one.atMs, ...(untilMs === undefined ? {} : { untilMs }) }];
  });
  const mitigations = told
    .filter(({ event }) => event.kind === "incident.mitigated")
    .map(({ atMs, event }) => ({ incident: event.stream, atMs }));
  const opened = told.filter(({ event }) => /^incident[.](opened|recurred|finding-raised)$/.test(event.kind));
  const bounds = {
    patienceMs: 3000 * slowness,
    disturbedMs: [...timesMs, ...opened.map(({ atMs }) => atMs)],
    endMs: performance.now(),
  };
  return {
    fencedWrites: isByHand ? [] : acknowledgedAfterFence(writes, fences),
    unfelt: unfelt(mitigations, writes, bounds),
  };
}

/** While faults are in force a write may hang; afterwards only while an incident says that something is wrong. */
function explained(told: readonly Told[], healedMs: number): readonly Span[] {
  const spans = new Map<string, Span>([["faults", { fromMs: 0, toMs: healedMs }]]);
  for (const { atMs, event } of told) {
    if (!event.stream.startsWith("incident/")) continue;
    const known = spans.get(event.stream);
    const isOver = event.kind === "incident.mitigated" || event.kind === "incident.resolved";
    if (event.kind === "incident.opened" || event.kind === "incident.recurred")
      spans.set(event.stream, { fromMs: known?.fromMs ?? atMs, toMs: Number.POSITIVE_INFINITY });
    else if (isOver && known !== undefined) spans.set(event.stream, { ...known, toMs: atMs });
  }
  return [...spans.values()];
}
