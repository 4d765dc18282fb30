import { type Command, Option } from "commander";
import type { Act } from "../command.ts";

const severities = ["critical", "warning", "info"];
const verbs = () => import("./incident/verbs.ts");

/** `blackstart incident …`: what is told and agreed while something is wrong. */
export function addIncident(program: Command, act: Act): void {
  const incident = program.command("incident").description("what is going wrong, who has it, what is thought of it");
  addLooks(incident, act);
  addPeople(incident, act);
  addThoughts(incident, act);
  addEnd(incident, act);
}

function addLooks(incident: Command, act: Act): void {
  act(
    incident.command("list").description("open incidents").option("--all", "resolved ones as well"),
    async (context, options: { all?: boolean }) => (await import("./incident/list.ts")).listCommand(context, options),
  );
  act(
    identified(incident, "show").description("one incident: how it stands, and its timeline"),
    async (context, _, id: string) => (await import("./incident/show.ts")).showCommand(context, id),
  );
  act(
    incident
      .command("open")
      .argument("<title...>", "what is wrong, in one sentence")
      .description("open one by hand")
      .addOption(new Option("--severity <severity>", "how bad").choices(severities).default("critical"))
      .option("--subject <kind:name>", "what it is about: cluster:ledger, service:api (default: the whole system)")
      .option("--since <instant>", "when the outage began: 2026-11-20T03:07:12Z"),
    async (context, options: { severity: string; subject?: string; since?: string }, words: readonly string[]) =>
      (await import("./incident/open.ts")).openCommand(context, options, words),
  );
}

function addPeople(incident: Command, act: Act): void {
  act(identified(incident, "ack").description("you have it; the others may sleep on"), async (context, _, id: string) =>
    (await verbs()).acknowledge(context, id),
  );
  act(
    identified(incident, "note").argument("<text...>", "what you saw or did").description("write it into the timeline"),
    async (context, _, id: string, words: readonly string[]) => (await verbs()).note(context, id, words),
  );
  act(
    identified(incident, "assign")
      .argument("<who>", "a person's name")
      .description("give somebody a role")
      .option("--role <role>", "commander, responder, communication, …", "responder"),
    async (context, options: { role: string }, id: string, who: string) =>
      (await verbs()).assign(context, id, who, options.role),
  );
  act(
    identified(incident, "severity")
      .argument("<severity>", severities.join(", "))
      .argument("<reason...>", "why")
      .description("change how bad it is"),
    async (context, _, id: string, severity: string, reason: readonly string[]) =>
      (await verbs()).changeSeverity(context, id, severity, reason),
  );
}

function addThoughts(incident: Command, act: Act): void {
  const hypothesis = incident.command("hypothesis").description("what could be the cause, and what speaks for it");
  act(
    identified(hypothesis, "raise").argument("<text...>", "what could be the cause").description("raise one"),
    async (context, _, id: string, words: readonly string[]) => (await verbs()).raise(context, id, words),
  );
  for (const [word, description] of [
    ["support", "something that speaks for it"],
    ["contradict", "something that speaks against it"],
    ["rule-out", "it was not that, and this is how we know"],
    ["confirm", "it was that, and this is how we know"],
  ] as const) {
    act(
      identified(hypothesis, word)
        .argument("<hypothesis>", "its name: h1")
        .argument("<evidence...>", "what was seen")
        .description(description),
      async (context, _, id: string, name: string, words: readonly string[]) =>
        (await verbs()).addEvidence(context, word, { id, name, words }),
    );
  }
}

function addEnd(incident: Command, act: Act): void {
  act(
    identified(incident, "resolve")
      .argument("<resolution...>", "what put it right")
      .description("it is over")
      .option("--despite-open-findings", "although something critical is still seen"),
    async (context, options: { despiteOpenFindings?: boolean }, id: string, words: readonly string[]) =>
      (await verbs()).resolve(context, id, words, options.despiteOpenFindings === true),
  );
}

function identified(parent: Command, word: string): Command {
  return parent.command(word).argument("<id>", "the incident's id, the beginning of it, or latest");
}
