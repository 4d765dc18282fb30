import type { Event } from "../../timeline/timeline.ts";
import { eventText } from "./event-text.ts";
import { type Layout, wrapped } from "./layout.ts";
import { timeOfDayText } from "./quantities.ts";
import type { Style } from "./style.ts";

/** An event as lines: when, what, and who did it. */
export function renderEvent(event: Event, style: Style, layout: Layout): string[] {
  const who = event.by === "auto" ? "Blackstart" : event.by.replace(/^person:/, "");
  const by = style.dim(`(${who})`);
  return wrapped(`${eventText(event)} ${by}`, layout.width, `${style.dim(timeOfDayText(event.at))}  `);
}

/**
 * Events in their order, with a line wherever another day begins.
 * @param day of the event that was shown before these: `2026-11-20`; empty where there was none
 */
export function renderEvents(events: readonly Event[], day: string, style: Style, layout: Layout): string[] {
  return events.flatMap((event, index) => {
    const before = events[index - 1]?.at.slice(0, 10) ?? day;
    const its = event.at.slice(0, 10);
    return [...(its === before ? [] : [style.dim(`${its} (UTC)`)]), ...renderEvent(event, style, layout)];
  });
}
