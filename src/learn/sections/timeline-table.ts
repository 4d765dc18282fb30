import type { Event } from "../../timeline/timeline.ts";
import { eventLine } from "../event-line.ts";
import { inline, table } from "../markdown.ts";
import type { Story } from "../story.ts";
import { instantText } from "../times.ts";

/** So many of one kind in a row are told one by one; of more, the first and the last. */
const sameKindMax = 6;
const rowsMax = 200;

type Row = Readonly<{ at: string; kind: string; what: string; by: string }>;

/** What happened, when and by whom; runs of the same are folded. */
export function timelineTable(story: Story): string {
  const plans = new Map(story.plans.map(({ id, plan }) => [id, plan]));
  const rows = story.events.flatMap((event) => rowOf(event, eventLine(event, plans)));
  const start = story.incident.times.outageStart;
  const first = start === null ? [] : [{ at: start, kind: "", what: "Last good observation", by: "watch" }];
  const folded = [...first, ...foldRuns(rows)];
  // A very long story keeps its beginning and its end; the whole of it is in the timeline.
  const shown =
    folded.length <= rowsMax
      ? folded
      : [...folded.slice(0, rowsMax / 2), omission(folded.length - rowsMax), ...folded.slice(-rowsMax / 2)];
  return table(
    ["UTC", "What", "By"],
    shown.map(({ at, what, by }) => [at === "" ? "…" : instantText(at), what, inline(by)]),
  );
}

function rowOf(event: Event, what: string | undefined): Row[] {
  return what === undefined
    ? []
    : [{ at: event.at, kind: `${event.stream} ${event.kind} ${event.by}`, what, by: event.by }];
}

/** Rows of one kind and one hand that follow each other: beyond the limit only the first and the last. */
function foldRuns(rows: readonly Row[]): readonly Row[] {
  const folded: Row[] = [];
  for (let from = 0; from < rows.length; ) {
    let to = from;
    while (rows[to + 1]?.kind === rows[from]?.kind) to += 1;
    const run = rows.slice(from, to + 1);
    if (run.length <= sameKindMax) folded.push(...run);
    else folded.push(run[0] as Row, omission(run.length - 2), run.at(-1) as Row);
    from = to + 1;
  }
  return folded;
}

function omission(count: number): Row {
  return { at: "", kind: "", what: `${count} more such events`, by: "" };
}
