import { shellWord } from "../shell.ts";
import { type Action, actionKinds, type Factor, type Scenario, type Symptom } from "../scenario/schema.ts";
import type { Activity, Experiment } from "./experiment.ts";

/** The experiment that says the same as a scenario, and what it cannot say, with the reason. */
export type Exported = Readonly<{
  experiment: Experiment;
  notSaid: readonly Readonly<{ what: string; why: string }>[];
}>;

/**
 * What is done in a scenario becomes the method, in its order: a command as it is, a fault as a call of blackstart, a
 * statement as one of psql. The steady state is that the symptom does not show. Pure.
 */
export function exportExperiment(scenario: Scenario): Exported {
  const notSaid: { what: string; why: string }[] = [];
  const { symptom, cluster } = scenario;
  const hypothesis = steadyState(symptom);
  if (hypothesis === undefined)
    notSaid.push({
      what: "symptom",
      why: "An experiment sees neither a lab's logs nor what was acknowledged to its clients.",
    });
  const makes = scenario.workload.setup ?? scenario.workload.write ?? scenario.workload.programs[0];
  if (makes !== undefined) notSaid.push({ what: "workload", why: "An experiment takes the service as it runs." });
  const made = `Make it first: blackstart lab up --manager ${cluster.manager}, with what else \`cluster\` says.`;
  notSaid.push({ what: "cluster", why: made });
  const steps: readonly (readonly [string, Action | Factor])[] = [
    ...scenario.before.map((action, index) => [`before-${index + 1}`, action] as const),
    ...scenario.factors.map((factor) => [factor.id, factor] as const),
    // They come before the symptom is looked for, so they are no rollbacks.
    ...scenario.afterwards.map((action, index) => [`afterwards-${index + 1}`, action] as const),
  ];
  const method = steps.flatMap(([name, action]): Activity[] => {
    const words = wordsOf(action);
    if (action.settled !== undefined)
      notSaid.push({
        what: `${name}.settled`,
        why: "An experiment can pause, but not wait until a cluster is at rest.",
      });
    if (words !== undefined) return [activityOf(name, words, action.after)];
    notSaid.push({ what: name, why: whyNot(action) });
    return [];
  });
  return {
    experiment: {
      version: "1.0.0",
      title: scenario.scenario,
      description: scenario.about?.trim() ?? scenario.scenario,
      ...(hypothesis === undefined ? {} : { "steady-state-hypothesis": hypothesis }),
      method,
      rollbacks: [],
    },
    notSaid,
  };
}

/** The words of a command line; undefined where there is none. */
function wordsOf({ fault, heal, on, with: given, sql, command }: Action): readonly string[] | undefined {
  const where = on === undefined ? [] : ["--on", on];
  const told = Object.entries(given ?? {}).map(([name, value]) => `${name}=${value}`);
  if (fault !== undefined)
    return ["blackstart", "lab", "break", fault, ...where, ...(told.length === 0 ? [] : ["--with", ...told])];
  if (heal !== undefined) return ["blackstart", "lab", "heal", heal, ...where];
  if (command !== undefined) return ["sh", "-c", command];
  return sql === undefined ? undefined : ["sh", "-c", psql(sql, on)];
}

/** Through the clients' path, or on a node: the addresses are in variables that whoever runs it sets. */
function psql(statement: string, on: string | undefined, ...options: readonly string[]): string {
  const url = on === undefined ? "BLACKSTART_CLIENT_URL" : `BLACKSTART_URL_${on.toUpperCase().replace(/\W/g, "_")}`;
  return ["psql", `"$${url}"`, "-XAtq", ...options, "-c", shellWord(statement)].join(" ");
}

function whyNot(action: Action | Factor): string {
  if (actionKinds.every((kind) => action[kind] === undefined))
    return "It is how the cluster is made, and an experiment says only what is done to it.";
  return "Only a trial can do it: there is no command line for it.";
}

function activityOf(name: string, [path = "", ...words]: readonly string[], afterMs: number | undefined): Activity {
  return {
    type: "action",
    name,
    provider: { type: "process", path, arguments: words },
    ...(afterMs === undefined ? {} : { pauses: { before: afterMs / 1000 } }),
  };
}

/** One probe, which succeeds where the symptom does not show. */
function steadyState(symptom: Symptom): Experiment["steady-state-hypothesis"] {
  const line = healthy(symptom);
  if (line === undefined) return undefined;
  const title = "The symptom does not show";
  const provider = { type: "process" as const, path: "sh", arguments: ["-c", line] };
  return { title, probes: [{ type: "probe", name: title, tolerance: 0, provider }] };
}

function healthy(symptom: Symptom): string | undefined {
  const { violated, fails, sqlstate, command, on, "no-write-for": silenceMs } = symptom;
  if (command !== undefined) return `! (\n${command}\n)`;
  if (violated !== undefined) return `rows=$(${psql(violated, on)}) && [ -z "$rows" ]`;
  if (fails !== undefined && sqlstate === undefined) return psql(fails, on);
  if (fails !== undefined)
    return `said=$(${psql(fails, on, "-v", "VERBOSITY=sqlstate")} 2>&1) || ! printf '%s\\n' "$said" | grep -q 'ERROR:  ${sqlstate}'`;
  if (silenceMs === undefined) return undefined;
  // A commit of its own that needs no table and leaves nothing behind.
  const write = psql("select pg_logical_emit_message(true, 'blackstart', 'probe')", undefined);
  return `timeout ${silenceMs / 1000} sh -c ${shellWord(`until ${write}; do sleep 0.1; done`)} >/dev/null 2>&1`;
}
