import type { Event } from "../../timeline/timeline.ts";
import { eventText } from "./event-text.ts";
import { type Layout, wrapped } from "./layout.ts";
import { timeOfDayText } from "./quantities.ts";
import type { Style } from "./style.ts";

/** An event as lines: when, what, and who did it. */
export function renderEvent(event: Event, style: Style, layout: Layout): string[] {
  const by = style.dim(`(${event.by.replace(/^person:/, "")})`);
  return wrapped(`${eventText(event)} ${by}`, layout.width, `${style.dim(timeOfDayText(event.at))}  `);
}

/** Events in their order, with a line wherever another day begins. */
export function renderEvents(events: readonly Event[], style: Style, layout: Layout): string[] {
  let day = "";
  return events.flatMap((event) => {
    const isNewDay = event.at.slice(0, 10) !== day;
    day = event.at.slice(0, 10);
    return [...(isNewDay ? [style.dim(`${day} (UTC)`)] : []), ...renderEvent(event, style, layout)];
  });
}
