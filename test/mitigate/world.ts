import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createFleet, type Fleet } from "../../src/drivers/fleet.ts";
import { connect, withConnection } from "../../src/drivers/postgres/connection.ts";
import { observeNode } from "../../src/drivers/postgres/observe.ts";
import { askWalEnd } from "../../src/drivers/postgres/wal-end.ts";
import type { Lab, LabOptions } from "../../src/lab/lab.ts";
import { rememberedOf } from "../../src/mitigate/memory.ts";
import { mitigationHandlers } from "../../src/mitigate/handlers.ts";
import { makeMitigationPlan } from "../../src/mitigate/plans.ts";
import { createExecutor, type Executor, type PlanResult } from "../../src/plan/executor.ts";
import { registryOf } from "../../src/plan/handler.ts";
import { isRefusal, type Plan, type PlanRequest, type Refusal } from "../../src/plan/plan.ts";
import { loadSystem } from "../../src/system/load.ts";
import type { System } from "../../src/system/schema.ts";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";
import type { Event, Timeline } from "../../src/timeline/timeline.ts";
import { withLab } from "../support/lab.ts";

/** A lab with everything that a plan needs: its system, a timeline that remembers it while it was well, an executor. */
export type World = Readonly<{
  lab: Lab;
  system: System;
  timeline: Timeline;
  fleet: Fleet;
  executor: Executor;
  plan(kind: string, subject: string, options?: PlanRequest["options"]): Promise<Plan | Refusal>;
  /** Plans and carries out; throws when it is refused. The state that it answers names also the steps that failed. */
  act(kind: string, subject: string, options?: PlanRequest["options"]): Promise<PlanResult>;
  events(planId: string): Promise<readonly Event[]>;
}>;

export function withWorld<T>(options: LabOptions, use: (world: World) => Promise<T>): Promise<T> {
  return withUnwatchedWorld(options, async (world) => {
    await remember(world);
    return use(world);
  });
}

/** One that nothing is remembered of: no watch ran while it was well. */
export async function withUnwatchedWorld<T>(options: LabOptions, use: (world: World) => Promise<T>): Promise<T> {
  return withLab(options, async (lab) => {
    const timeline = await openSqliteTimeline(join(lab.directory, "timeline.db"));
    const world = await worldOf(lab, timeline);
    try {
      return await use(world);
    } finally {
      await world.fleet.close();
      await timeline.close();
    }
  });
}

export async function worldOf(lab: Lab, timeline: Timeline): Promise<World> {
  const system = await loadSystem(lab.systemFile);
  const fleet = createFleet(system, async (cluster, node) => (await rememberedOf(timeline, cluster)).get(node));
  const context = { system, fleet, timeline };
  const executor = createExecutor({ timeline, handlers: registryOf(...mitigationHandlers(context)) });
  const plan: World["plan"] = (kind, subject, options) => {
    const ref = subject.includes("/")
      ? { kind: "node" as const, name: subject }
      : { kind: "cluster" as const, name: subject };
    return makeMitigationPlan({ kind, subject: ref, ...(options === undefined ? {} : { options }) }, context);
  };
  return {
    lab,
    system,
    timeline,
    fleet,
    executor,
    plan,
    async act(kind, subject, options) {
      const made = await plan(kind, subject, options);
      if (isRefusal(made)) throw new Error(`refused (${made.rule}): ${made.missing}`);
      await executor.store(made, "person:test");
      const result = await executor.run(made.id, "person:test", "person");
      return { ...result, state: [result.state, ...(await failuresOf(timeline, made.id))].join("\n") };
    },
    events: (planId) => timeline.read({ stream: `plan/${planId}` }),
  };
}

async function failuresOf(timeline: Timeline, planId: string): Promise<readonly string[]> {
  const failed = (await timeline.read({ stream: `plan/${planId}` })).filter(({ kind }) => kind === "step.failed");
  return failed.map(({ data }) => `failed: ${JSON.stringify(data)}`);
}

/** The same world, as another system file declares it. */
export async function withSystemFile(
  { lab, timeline }: World,
  change: (text: string) => string,
  use: (world: World) => Promise<void>,
): Promise<void> {
  writeFileSync(lab.systemFile, change(readFileSync(lab.systemFile, "utf8")));
  const world = await worldOf(lab, timeline);
  try {
    await use(world);
  } finally {
    await world.fleet.close();
  }
}

/** With urls of that role. */
export function asRole(role: string): (text: string) => string {
  return (text) => text.replaceAll("://blackstart@", `://${role}@`);
}

/** What the watch would have stored while all was well, or these nodes were. */
export async function remember(
  { lab, timeline }: Pick<World, "lab" | "timeline">,
  names: readonly string[] = lab.nodes.map(({ name }) => name),
): Promise<void> {
  const all = await Promise.all(
    names.map(async (name) => {
      const node = lab.node(name);
      const seen = await withConnection(node.url, {}, (connection) => observeNode(connection));
      const standbys = seen.standbys.map(({ applicationName, syncState }) => ({ node: applicationName, syncState }));
      const { role, version, systemIdentifier, timelineId } = seen;
      const { dataDirectory, configFile, synchronousStandbyNames, synchronousCommit } = seen.settings;
      const { ancestors } = await askWalEnd((more) => connect(node.url, more));
      const data = {
        cluster: "ledger",
        node: node.name,
        // A lab's standbys are named after their nodes, and so is a primary that becomes one.
        name: node.name,
        role,
        version,
        systemIdentifier,
        timelineId,
        ...(ancestors === undefined ? {} : { ancestors }),
        dataDirectory,
        configFile,
        synchronousStandbyNames,
        synchronousCommit,
        standbys,
      };
      return { kind: "node.observed", by: "watch", data };
    }),
  );
  await timeline.append("cluster/ledger", "any", all);
}
