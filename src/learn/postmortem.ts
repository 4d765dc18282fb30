import type { Timeline } from "../timeline/timeline.ts";
import { code, inline, list } from "./markdown.ts";
import { detection, rootCause } from "./sections/causes.ts";
import { lessonsSection } from "./sections/lessons.ts";
import { measures } from "./sections/measures.ts";
import { data, resolution } from "./sections/resolution.ts";
import { findingsList, summary, timesTable } from "./sections/summary.ts";
import { timelineTable } from "./sections/timeline-table.ts";
import { readStory, type Story } from "./story.ts";

/**
 * Writes the postmortem of an incident as far as the timeline knows it, in Markdown. The same events give the same text,
 * to the letter; nothing is in it that they do not show, and what only people can know is marked as theirs to fill in.
 * @param incident its id, the beginning of it, or `latest`
 */
export async function draftPostmortem(timeline: Timeline, incident: string): Promise<string> {
  return postmortemText(await readStory(timeline, incident));
}

export function postmortemText(story: Story): string {
  const { incident, plans } = story;
  return `${[
    `# Postmortem: ${inline(incident.title)}`,
    "A draft, written from the timeline alone. Instants are UTC.",
    "## Issue summary",
    summary(story),
    timesTable(story),
    "## Timeline",
    timelineTable(story),
    "## Detection",
    detection(story),
    "## Root cause",
    rootCause(story),
    "## Resolution",
    resolution(story),
    "## Data",
    data(story),
    "## Lessons",
    lessonsSection(story),
    "## Measures",
    measures(story),
    "## Appendix",
    "### Findings",
    findingsList(story),
    "### Sources",
    list([
      `Incident ${code(incident.id)}, ${incident.version} events, positions ${incident.firstPosition} to ${incident.lastPosition} of the timeline`,
      ...plans.map(({ id, version }) => `Plan ${code(id)}, ${version} events`),
    ]),
  ].join("\n\n")}\n`;
}
