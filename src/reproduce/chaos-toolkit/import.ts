import { parse, stringify } from "yaml";
import type { z } from "zod";
import { BlackstartError, messageOf } from "../../base/error.ts";
import { durationText } from "../../system/duration.ts";
import { factorsMax, type WrittenScenario } from "../scenario/schema.ts";
import { commandOf, milliseconds, probeLines } from "./commands.ts";
import { type Activity, type Experiment, experimentSchema } from "./experiment.ts";
import { type Journal, journalSchema } from "./journal.ts";

/** What an experiment says as a scenario, and what of it cannot be run here, with the reason. */
export type Imported = Readonly<{
  scenario: WrittenScenario;
  notRun: readonly Readonly<{ name: string; why: string }>[];
}>;

export type Read = Readonly<{ experiment: Experiment; journal?: Journal }>;

/** An experiment, or a journal, which holds the experiment it is of; JSON or YAML. Throws INPUT_INVALID. */
export function readExperiment(text: string, path: string): Read {
  let data: unknown;
  try {
    data = parse(text);
  } catch (error) {
    throw notReadable(path, messageOf(error).split("\n")[0] ?? "");
  }
  const isJournal = typeof data === "object" && data !== null && "experiment" in data;
  const parsed = isJournal ? journalSchema.safeParse(data) : experimentSchema.safeParse(data);
  if (!parsed.success) throw notReadable(path, reasons(parsed.error.issues).slice(0, 5).join("; "));
  if (!isJournal) return { experiment: parsed.data as Experiment };
  const journal = parsed.data as Journal;
  return { experiment: journal.experiment, journal };
}

/**
 * The actions of the method become factors, in their order; the symptom is that the steady state does not hold; the
 * rollbacks are done afterwards. Processes and requests are taken; functions of Python are named, not run. Pure; throws
 * INPUT_INVALID where nothing of the method is left.
 */
export function importExperiment(experiment: Experiment, path: string): Imported {
  const notRun: { name: string; why: string }[] = [];
  const take = (list: Experiment["method"]) => actionsOf(list, experiment, (name, why) => notRun.push({ name, why }));
  const method = take(experiment.method);
  if (method.actions.length === 0) {
    const why = notRun.map((one) => `${one.name}: ${one.why}`).join(" ") || "Its method is empty.";
    throw notReadable(path, `Nothing of its method can be run here. ${why}`);
  }
  for (const { name } of method.actions.slice(factorsMax))
    notRun.push({ name, why: `A scenario has at most ${factorsMax} factors.` });
  const ids = new Set<string>();
  const rollbacks = take(experiment.rollbacks);
  const { title, description } = experiment;
  return {
    scenario: {
      scenario: idOf(title, new Set()),
      about: description === title ? title : `${title}. ${description}`,
      factors: method.actions
        .slice(0, factorsMax)
        .map(({ name, ...action }) => ({ id: idOf(name, ids), about: name, ...action })),
      ...ending(steadyState(experiment, notRun), method.pauseMs, rollbacks.actions),
    },
    notRun,
  };
}

type Taken = Readonly<{ name: string; command: string; after?: string }>;

/** Actions as commands. The pauses of what is left out stay. */
function actionsOf(
  list: Experiment["method"],
  experiment: Experiment,
  leave: (name: string, why: string) => void,
): { actions: readonly Taken[]; pauseMs: number } {
  const actions: Taken[] = [];
  let pauseMs = 0;
  for (const one of list) {
    const activity = referred(one, experiment);
    if (activity === undefined) {
      leave(String(one.ref), "It refers to an activity that is not there.");
      continue;
    }
    const { name, pauses } = activity;
    pauseMs += milliseconds(pauses?.before, experiment) ?? 0;
    const command = commandOf(activity, experiment);
    if (command === undefined) leave(name, onlyPython(activity));
    else if (activity.type === "probe") leave(name, "It is a probe outside the steady state: it changes nothing.");
    else {
      actions.push({ name, command, ...(pauseMs === 0 ? {} : { after: durationText(pauseMs) }) });
      pauseMs = 0;
    }
    pauseMs += milliseconds(pauses?.after, experiment) ?? 0;
  }
  return { actions, pauseMs };
}

/** A command that ends with 0 where the steady state does not hold; undefined where no probe of it can be asked here. */
function steadyState(experiment: Experiment, notRun: { name: string; why: string }[]): string | undefined {
  const lines = (experiment["steady-state-hypothesis"]?.probes ?? []).flatMap((one) => {
    const activity = referred(one, experiment);
    const asked = activity && probeLines(activity, experiment);
    if (asked !== undefined) return [asked];
    const name = activity?.name ?? String((one as { ref?: string }).ref);
    if (activity === undefined) notRun.push({ name, why: "It refers to an activity that is not there." });
    else if (activity.provider.type === "python") notRun.push({ name, why: onlyPython(activity) });
    else notRun.push({ name, why: `Its tolerance, ${JSON.stringify(activity.tolerance)}, is not understood here.` });
    return [];
  });
  return lines.length === 0 ? undefined : [...lines, "exit 1", ""].join("\n");
}

const verdict = '"$BLACKSTART_LAB_FOLDER/steady-state"';

/**
 * What is done when the method is over. The steady state is asked before the rollbacks, once; so with rollbacks, which
 * must not fail where there is nothing to take back, its answer is kept for the symptom.
 */
function ending(
  question: string | undefined,
  pauseMs: number,
  rollbacks: readonly Taken[],
): Pick<WrittenScenario, "afterwards" | "symptom"> {
  const after = pauseMs === 0 ? {} : { after: durationText(pauseMs) };
  const undo = rollbacks.map(({ name: _, command, ...rest }) => ({ command: `${command} || true`, ...rest }));
  if (question === undefined || undo.length === 0) {
    const afterwards = [...(pauseMs === 0 ? [] : [{ command: ":", ...after }]), ...undo];
    const symptom = question === undefined ? { "no-write-for": "30s" } : { command: question, within: "1ms" };
    return { ...(afterwards.length === 0 ? {} : { afterwards }), symptom };
  }
  const asked = { command: `(\n${question})\necho $? > ${verdict}\n`, ...after };
  return { afterwards: [asked, ...undo], symptom: { command: `exit "$(cat ${verdict})"`, within: "1ms" } };
}

/** The scenario's file, with what must be known before it is run. Pure. */
export function scenarioText({ scenario, notRun }: Imported): string {
  const body = stringify(scenario, { lineWidth: 0 });
  const variables = [...body.matchAll(/\$\{(\w+)/g)].map(([, name]) => name).filter((name) => name !== undefined);
  const programs = ["curl", "timeout", "grep -P", "awk"].filter(
    (one) => body.includes(`${one} `) || body.includes(`${one}q `),
  );
  const needed = [...programs, ...new Set(variables.map((name) => `the variable ${name}`))];
  const told = [
    "Made from an experiment of the Chaos Toolkit. Each trial has a lab of its own; the experiment's own target is not",
    "touched unless its commands do that: read them first. They are told of the lab in BLACKSTART_CLIENT_URL,",
    "BLACKSTART_URL_PG1, … and BLACKSTART_LAB_FOLDER.",
    ...(needed.length === 0 ? [] : [`It needs ${needed.join(", ")}.`]),
    ...("no-write-for" in scenario.symptom
      ? ["No probe of the steady state can be asked here: the symptom below is the most general one. Put in yours."]
      : []),
    ...notRun.map(({ name, why }) => `Not taken: ${name}. ${why}`),
  ];
  return `${told.map((line) => `# ${line.replace(/\s+/g, " ")}`).join("\n")}\n${body}`;
}

function referred(one: Experiment["method"][number], experiment: Experiment): Activity | undefined {
  if (!("ref" in one)) return one as Activity;
  const all = [...(experiment["steady-state-hypothesis"]?.probes ?? []), ...experiment.method, ...experiment.rollbacks];
  return all.find((other): other is Activity => !("ref" in other) && other.name === one.ref);
}

function onlyPython({ provider }: Activity): string {
  const { module, func } = provider as { module?: string; func?: string };
  return `It calls ${module}.${func}, which only Python can.`;
}

function idOf(name: string, ids: Set<string>): string {
  const base =
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .slice(0, 56)
      .replace(/^-|-$/g, "") || "activity";
  let id = base;
  for (let number = 2; ids.has(id); number++) id = `${base}-${number}`;
  ids.add(id);
  return id;
}

/** Of what may be two things the last is told: an activity, not a reference to one. */
function reasons(issues: readonly z.core.$ZodIssue[], above: readonly PropertyKey[] = []): readonly string[] {
  return issues.flatMap((issue) => {
    const path = [...above, ...issue.path];
    const inner = issue.code === "invalid_union" ? issue.errors.at(-1) : undefined;
    return inner === undefined
      ? [`${path.map(String).join(".") || "the file"}: ${issue.message}`]
      : reasons(inner, path);
  });
}

function notReadable(path: string, why: string): BlackstartError {
  return new BlackstartError("INPUT_INVALID", {
    what: `${path} is no experiment and no journal of the Chaos Toolkit that could be run here.`,
    why,
    next: "See whether `chaos validate` takes it.",
    details: { path },
  });
}
