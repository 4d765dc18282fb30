import { type Finding, findingKey } from "../finding/finding.ts";
import type { Event } from "./timeline.ts";

/**
 * What the watch saw, of every severity, in the stream `watch/<system>`: the record from which anybody can tell what is
 * wrong now, without the process that watches.
 */
export type FindingEvent =
  | { kind: "finding.raised"; data: Finding }
  | { kind: "finding.cleared"; data: Pick<Finding, "code" | "subject"> };

export function watchStream(system: string): string {
  return `watch/${system}`;
}

/** What is open after these events, by its key. A finding raised again replaces the one from before. */
export function openFindings(
  events: Iterable<Event>,
  before: ReadonlyMap<string, Finding> = new Map(),
): Map<string, Finding> {
  const open = new Map(before);
  for (const event of events) {
    const said = event as unknown as FindingEvent;
    if (said.kind === "finding.raised") open.set(findingKey(said.data), said.data);
    else if (said.kind === "finding.cleared") open.delete(findingKey(said.data));
  }
  return open;
}
