import { readFileSync } from "node:fs";
import { BlackstartError, messageOf } from "../base/error.ts";
import { type Clock, delay, systemClock } from "../base/time.ts";
import { createFleet } from "../drivers/fleet.ts";
import { startAutopilot } from "../mitigate/autopilot.ts";
import { rememberedOf } from "../mitigate/memory.ts";
import { mitigationHandlers } from "../mitigate/handlers.ts";
import { makeMitigationPlan } from "../mitigate/plans.ts";
import { mayGoOnAlone } from "../mitigate/policy.ts";
import { createExecutor } from "../plan/executor.ts";
import { registryOf } from "../plan/handler.ts";
import type { PlanRequest } from "../plan/plan.ts";
import { listPlans } from "../plan/status.ts";
import { recoveryHandlers } from "../recover/handlers.ts";
import { makeRecoveryPlan, recoveryKinds } from "../recover/plans.ts";
import { createResponder } from "../respond/responder.ts";
import { blackstartHome } from "../system/home.ts";
import type { System } from "../system/schema.ts";
import { findIncidentId } from "../timeline/incident-state.ts";
import type { Timeline } from "../timeline/timeline.ts";
import { startWatcher, type Watcher } from "../watch/watcher.ts";
import { createClosers } from "./closers.ts";
import { isLoopback } from "./guard.ts";
import { createHealthKeeper } from "./health.ts";
import { renewEveryMs, takeInstanceLease } from "./instance-lease.ts";
import { listen } from "./listen.ts";
import { measureImpacts } from "./measure-impact.ts";
import type { ServerParts } from "./parts.ts";
import { createPlanRuns } from "./plan-runs.ts";
import { followPromises } from "./promises.ts";
import { createReporting } from "./reporting.ts";
import { createServer } from "./server.ts";
import type { StreamOptions } from "./stream.ts";
import { loadToken } from "./token.ts";

export type UpOptions = Readonly<{
  system: System;
  /** Stays open when `up` ends: whoever opened it closes it. */
  timeline: Timeline;
  /** Default: `blackstartHome()`. The token lies there. */
  home?: string;
  /** Default 127.0.0.1. On anything but loopback, reading needs the token as well. */
  host?: string;
  /** Default 7700; 0: any that is free. */
  port?: number;
  /** Default: the one in `<home>/token`. */
  token?: string;
  clock?: Clock;
  /** What a person who sits at the terminal should read; one line each. */
  notice?(line: string): void;
  stream?: StreamOptions;
  /** So long after the first look, every health check has had its turn: then what is not seen any more is cleared. */
  firstRoundMs?: number;
}>;

export interface Up {
  /** `http://127.0.0.1:7700` */
  readonly url: string;
  /** Resolves with the reason when it had to end by itself: somebody else has taken over. `close` has run then. */
  readonly ended: Promise<string>;
  /** Ends everything, within 2 s. Safe to call again. */
  close(): Promise<void>;
}

const firstRoundMsDefault = 15_000;

/** Composes everything that runs while `blackstart up` runs. Throws, with nothing left running, when it cannot. */
export async function startUp(options: UpOptions): Promise<Up> {
  const closers = createClosers(options.notice ?? (() => undefined));
  try {
    return await compose(options, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function compose(options: UpOptions, closers: ReturnType<typeof createClosers>): Promise<Up> {
  const { system, timeline, clock = systemClock, host = "127.0.0.1", home = blackstartHome() } = options;
  const notice = options.notice ?? (() => undefined);
  const stop = new AbortController();
  const ended = Promise.withResolvers<string>();
  let watcher: Watcher | undefined;
  const seen = { findings: () => watcher?.findings() ?? [], nodes: () => watcher?.nodes() ?? [] };

  const health = createHealthKeeper({
    clock,
    nodes: seen.nodes,
    writeEveryMs: renewEveryMs,
    heartbeatMs: system.watch.heartbeat,
  });
  closers.add("the health", async () => health.close());
  const failed = (why: string) => {
    health.failed(why);
    notice(`Not well: ${why}`);
  };
  const lost = (why: string) => {
    notice(`Another process has taken over: ${why}`);
    void closers.close().then(() => ended.resolve(why));
  };
  const lease = await takeInstanceLease(timeline, { wrote: health.wrote, failed, lost });
  closers.add("the lease", () => lease.close());

  const fleet = createFleet(system, async (cluster, node) => (await rememberedOf(timeline, cluster)).get(node));
  closers.add("the fleet", () => fleet.close());
  const context = { system, fleet, timeline, clock, home };
  const executor = createExecutor({
    timeline,
    handlers: registryOf(...mitigationHandlers(context), ...recoveryHandlers(context)),
    signal: stop.signal,
    clock,
  });
  const planRuns = createPlanRuns({ timeline, executor, problem: notice });
  closers.add("the plans", () => planRuns.close());

  const parts: ServerParts = {
    system,
    timeline,
    watcher: seen,
    planRuns,
    makePlan: async (request) => planFor(await withIncidentId(timeline, request), context),
    health: health.health,
    startedAt: clock.now(),
    version: version(),
  };
  const token = options.token ?? (await loadToken(home));
  const { api, readers } = await createServer(parts, {
    token,
    host,
    ...(options.stream === undefined ? {} : { stream: options.stream }),
    failed: (error, where) => notice(`A fault of our own at ${where}: ${messageOf(error)}`),
  });
  closers.add("the server", async () => {
    await readers.close();
    await api.close();
  });
  const url = await listen(api, host, options.port ?? 7700);
  if (!isLoopback(host))
    notice(`Listening on ${host}: everything needs the token now. It travels unencrypted; put TLS before it.`);

  const responder = createResponder({ system, timeline, clock });
  const reporting = createReporting({ responder, present: seen.findings, failed, recovered: health.recovered });
  closers.add("the record", () => reporting.close());
  await noticeInterrupted({ system, timeline }, notice);
  const autopilot = startAutopilot({
    ...context,
    executor,
    onProblem: (problem) => notice(messageOf(problem)),
    onFollowing: health.follows,
  });
  closers.add("the autopilot", () => autopilot.close());
  const watching = startWatcher({
    system,
    clock,
    promises: await followPromises({
      system,
      timeline,
      clock,
      signal: stop.signal,
      failed: (error) => failed(`what plans set for whom commits wait cannot be read: ${messageOf(error)}`),
    }),
    report: reporting.report,
    observed: (event) => {
      const stored = { kind: event.kind, by: "watch", data: event.data };
      timeline
        .append(`cluster/${event.data.cluster}`, "any", [stored])
        .catch((error) => failed(`an observation could not be written: ${messageOf(error)}`));
    },
  });
  watcher = watching;
  closers.add("the watch", () => watching.close());
  const impacts = measureImpacts({ system, timeline, watcher, signal: stop.signal, problem: notice });
  impacts.catch((error) => notice(`The impact of incidents is not measured: ${messageOf(error)}`));
  closers.add("the impact", () => impacts);
  void firstLook(watching, options.firstRoundMs ?? firstRoundMsDefault, stop.signal).then(
    () => reporting.firstLook(),
    () => undefined, // ended before
  );
  // The last to be added is the first to be closed: whoever carries out a plan is asked to end before anything else.
  closers.add("what is going on", async () => stop.abort(new BlackstartError("INTERRUPTED", interruption)));
  return { url, ended: ended.promise, close: closers.close };
}

const interruption = {
  what: "Blackstart was asked to end.",
  why: "It got a signal, or another process has taken over.",
  next: "Start it again: what was interrupted is shown, and can be resumed.",
};

type PlanContext = Parameters<typeof makeMitigationPlan>[1] & Parameters<typeof makeRecoveryPlan>[1];

function planFor(request: PlanRequest, context: PlanContext) {
  return recoveryKinds.includes(request.kind)
    ? makeRecoveryPlan(request, context)
    : makeMitigationPlan(request, context);
}

/** A plan belongs to an incident that exists, by its whole id. */
async function withIncidentId(timeline: Timeline, request: PlanRequest): Promise<PlanRequest> {
  const asked = request.options?.incident;
  if (typeof asked !== "string") return request;
  return { ...request, options: { ...request.options, incident: await findIncidentId(timeline, asked) } };
}

async function firstLook(watcher: Watcher, firstRoundMs: number, signal: AbortSignal): Promise<void> {
  await watcher.looked();
  await delay(firstRoundMs, signal);
}

async function noticeInterrupted(
  { system, timeline }: Pick<UpOptions, "system" | "timeline">,
  notice: (line: string) => void,
): Promise<void> {
  for (const plan of await listPlans(timeline))
    if (plan.state === "interrupted")
      notice(
        mayGoOnAlone(system.mitigation, plan)
          ? `Plan ${plan.id} was interrupted; it is resumed, as the policy says.`
          : `Plan ${plan.id} was interrupted. Resume it, or put it aside: blackstart plan show ${plan.id}`,
      );
}

function version(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
