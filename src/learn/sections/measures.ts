import { code, inline, table } from "../markdown.ts";
import type { Story } from "../story.ts";
import { toBeFilledIn } from "./causes.ts";
import { lessons } from "./lessons.ts";

/** What a finding suggests for the future, by its code or the beginning of it. Each is a proposal; the people decide. */
const proposals: readonly (readonly [prefix: string, measure: string])[] = [
  ["cluster.no-primary", "Rehearse the failover of this cluster; decide whether `mitigation.failover` may be `auto`."],
  ["cluster.down", "Find what all nodes share: power, network, storage, a deployment."],
  [
    "node.down",
    "Find why the server ended (its log, the kernel's log), and whether it starts by itself after a reboot.",
  ],
  [
    "node.hanging",
    "Find what made the server hang; see that the clients' time-outs are shorter than the users' patience.",
  ],
  ["node.unreachable", "Give the node a second way to be reached, or a fence command that does not need the first."],
  ["roles.two-primaries", "Find how a second primary could come to be; fence before every promotion."],
  [
    "replication.synchronous-missing",
    "Have one synchronous standby more than the promise needs, so that the loss of one does not stop commits.",
  ],
  ["replication.", "Watch the standby after it is back; see that its lag stays within the objective."],
  ["archive.", "Have the archive checked by a restore, not by its exit code."],
  ["wraparound.", "Have autovacuum keep up: find what holds the oldest transaction back."],
  ["cache.down", "See what the services do without this cache, and whether the database bears it."],
  ["service.", "Have the service reconnect by itself when the primary moves."],
];

/** Tasks need an owner and a date; without them nothing happens. Both are for the people to fill in. */
export function measures(story: Story): string {
  const rows = [...fromFindings(story), ...fromRecovery(story), ...fromLessons(story)].slice(0, 20);
  return table(
    ["Measure (proposed)", "Because", "Owner", "Due"],
    [...rows, { measure: toBeFilledIn, because: "" }].map(({ measure, because }) => [
      measure,
      because,
      toBeFilledIn,
      toBeFilledIn,
    ]),
  );
}

type Measure = Readonly<{ measure: string; because: string }>;

function fromFindings({ incident }: Story): readonly Measure[] {
  const codes = new Set([
    ...incident.past.map(({ finding }) => finding.code),
    ...incident.open.map((finding) => finding.code),
  ]);
  const byMeasure = Map.groupBy(
    [...codes].flatMap((name) => {
      const found = proposals.find(([prefix]) => name.startsWith(prefix));
      return found === undefined ? [] : [{ measure: found[1], name }];
    }),
    ({ measure }) => measure,
  );
  return [...byMeasure].map(([measure, from]) => ({ measure, because: from.map(({ name }) => code(name)).join(", ") }));
}

/** What had to be made right suggests how it need not be the next time. */
function fromRecovery({ incident }: Story): readonly Measure[] {
  const had = (act: string, figure: string) =>
    incident.recovery.filter((one) => one.act === act && Number(one.figures[figure]) > 0);
  const because = (some: Story["incident"]["recovery"]) => some.map(({ summary }) => inline(summary)).join("; ");
  const [repairs, purges] = [had("invariants", "repaired"), had("cache", "removed")];
  return [
    ...(repairs.length > 0
      ? [
          {
            measure: "Make the writes that belong together one transaction, or have the repair run by itself.",
            because: because(repairs),
          },
        ]
      : []),
    ...(purges.length > 0
      ? [
          {
            measure: "Give the cache entries an expiry, or have them written in the same place as the row.",
            because: because(purges),
          },
        ]
      : []),
  ];
}

function fromLessons(story: Story): readonly Measure[] {
  const { incident, plans } = story;
  const open = incident.hypotheses.filter(({ state }) => state === "raised").map(({ id }) => inline(id));
  return [
    ...(incident.times.acknowledgedAt === null
      ? [{ measure: "See who is to be reached, and how.", because: "nobody acknowledged it" }]
      : []),
    ...(incident.impact.length === 0
      ? [
          {
            measure: "Have a service count its requests (`counts` in the system file).",
            because: "the impact was not measured",
          },
        ]
      : []),
    ...(open.length > 0
      ? [{ measure: "Confirm or rule out what is left open.", because: `hypotheses ${open.join(", ")}` }]
      : []),
    ...plans
      .filter(({ state }) => state === "stopped" || state === "interrupted" || state === "done-with-failures")
      .map(({ id }) => ({ measure: "Find why the plan did not go through, and rehearse it.", because: code(id) })),
    ...(lessons(story).some(({ text }) => text.startsWith("It came back"))
      ? [{ measure: "Find what makes it come back.", because: `${incident.outages.length} outages in one incident` }]
      : []),
  ];
}
