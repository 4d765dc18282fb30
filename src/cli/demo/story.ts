import type { Instant } from "../../base/time.ts";
import { withoutPassword } from "../../system/secrets.ts";
import { findIncident } from "../../timeline/incident-state.ts";
import type { Event, Timeline } from "../../timeline/timeline.ts";
import type { CommandContext } from "../context.ts";
import { counted, durationText } from "../output/quantities.ts";
import { settleMoney } from "./act-recover.ts";
import { writeItDown } from "./act-learn.ts";
import { stopTheBleeding } from "./act-mitigate.ts";
import type { Narrator } from "./narrator.ts";
import type { Stage } from "./stage.ts";

/** What the acts of the story share. */
export type Scene = Readonly<{
  context: CommandContext;
  timeline: Timeline;
  stage: Stage;
  tell: Narrator;
  /** Where the postmortem is written. */
  folder: string;
}>;

/** What the demo measured; the last line of `demo --json`. */
export type DemoResult = {
  outcome: "recovered" | "incomplete";
  noticedMs: number;
  downtimeMs: number;
  ackedWrites: number;
  lostWrites: number;
  violationsFound: number;
  violationsLeft: number;
  /** Null where there is no Redis. */
  staleCacheFound: number | null;
  staleCacheLeft: number | null;
  incident: string;
  postmortem: string;
  timeline: string;
};

/** One outage, from the kill to the postmortem. */
export async function tellStory(scene: Scene, timelineFile: string): Promise<DemoResult> {
  const { stage, tell, timeline, context } = scene;
  const kill = await killPrimary(scene);

  const opened = await eventAfter(timeline, kill.position, "incident.opened", context.signal);
  const incident = opened.stream.slice("incident/".length);
  const noticedMs = Date.parse(opened.at) - Date.parse(kill.at);
  tell.act("watch", "Blackstart has noticed");
  tell.after(kill.at, opened.at, `incident ${incident} is open: ${(opened.data as { title: string }).title}`);

  const { servedAgainAt, readingMs } = await stopTheBleeding(scene, incident, kill);
  const downtimeMs = Date.parse(servedAgainAt) - Date.parse(kill.at);
  tell.after(
    kill.at,
    servedAgainAt,
    `the first transfer is booked again: customers waited ${durationText(downtimeMs)}${readingMs > 0 ? `, ${durationText(readingMs)} of it for you to press Enter` : ""}`,
  );

  const recovered = await settleMoney(scene, incident);
  const postmortem = await writeItDown(scene, incident, kill.node);
  const whole = recovered.lostWrites === 0 && recovered.violationsLeft === 0 && (recovered.staleCacheLeft ?? 0) === 0;
  const state = await findIncident(timeline, incident);
  return {
    outcome: whole && state.status === "resolved" ? "recovered" : "incomplete",
    noticedMs,
    downtimeMs,
    ackedWrites: stage.customers.acknowledged.size,
    ...recovered,
    incident,
    postmortem,
    timeline: timelineFile,
  };
}

export type Kill = Readonly<{ at: Instant; position: number; node: string }>;

async function killPrimary({ stage, tell, timeline }: Scene): Promise<Kill> {
  const node = stage.lab.nodes.find(({ role }) => role === "primary") as Stage["lab"]["nodes"][number];
  const position = await timeline.position();
  const before = stage.customers.acknowledged.size;
  tell.act("outage", `SIGKILL to every process of ${node.name}, the primary (${withoutPassword(node.url)})`);
  const { at } = await stage.lab.break("kill-primary");
  tell.line(`${counted(before, "transfer")} had been booked and acknowledged until then`);
  return { at, position, node: node.name };
}

const eventTimeoutMs = 30_000;

/** The first event of a kind after a position. Throws when it does not come. */
export async function eventAfter(
  timeline: Timeline,
  position: number,
  kind: string,
  signal: AbortSignal,
): Promise<Event> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(eventTimeoutMs)]);
  for await (const event of timeline.subscribe(position, limit)) if (event.kind === kind) return event;
  signal.throwIfAborted();
  throw new Error(`no ${kind} within ${durationText(eventTimeoutMs)}`);
}
