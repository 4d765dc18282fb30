import { parse } from "yaml";
import type { z } from "zod";
import { BlackstartError, messageOf } from "../../base/error.ts";
import type { Doing, Draft } from "./draft.ts";
import { type Activity, type Experiment, experimentSchema, isWithin, type Provider } from "./experiment.ts";
import { type Journal, journalSchema } from "./journal.ts";
import { splitWords, substituted } from "./words.ts";

/** What an experiment says as a scenario, and what of it cannot be run here, with the reason. */
export type Imported = Readonly<{ draft: Draft; notRun: readonly Readonly<{ name: string; why: string }>[] }>;

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
 * The actions of the method become factors, in their order; the steady state becomes the symptom, which is that it does
 * not hold; the rollbacks become undo. Processes and requests are taken; functions of Python are named, not run. Pure.
 */
export function importExperiment(experiment: Experiment): Imported {
  const notRun: { name: string; why: string }[] = [];
  const ids = new Set<string>();
  const hypothesis = experiment["steady-state-hypothesis"];
  const known = namedActivities(experiment);
  const taken = (list: Experiment["method"], keep: (activity: Activity) => string | undefined) =>
    list.flatMap((one): Doing[] => {
      const activity = "ref" in one ? known.get(String(one.ref)) : one;
      if (activity === undefined) {
        notRun.push({ name: String((one as { ref: string }).ref), why: "It refers to an activity that is not there." });
        return [];
      }
      const why = keep(activity) ?? unusable(activity);
      if (why === undefined) return [doingOf(activity, experiment, ids)];
      notRun.push({ name: activity.name, why });
      return [];
    });
  const probes = taken(hypothesis?.probes ?? [], ({ tolerance }) =>
    tolerance === undefined ? "A probe of the steady state needs a tolerance." : undefined,
  );
  const isAction = ({ type }: Activity) =>
    type === "probe" ? "It is a probe within the method: it changes nothing, so it is no factor." : undefined;
  return {
    draft: {
      title: experiment.title,
      description: experiment.description,
      symptom: { title: `not: ${hypothesis?.title ?? experiment.title}`, probes },
      factors: taken(experiment.method, isAction),
      undo: taken(experiment.rollbacks, () => undefined),
    },
    notRun,
  };
}

function namedActivities({ method, rollbacks, ...experiment }: Experiment): ReadonlyMap<string, Activity> {
  const all = [...(experiment["steady-state-hypothesis"]?.probes ?? []), ...method, ...rollbacks];
  return new Map(all.flatMap((one) => ("ref" in one ? [] : [[one.name, one] as [string, Activity]])));
}

function unusable({ provider, tolerance }: Activity): string | undefined {
  if (provider.type === "python") return `It calls ${provider.module}.${provider.func}, which only Python can.`;
  if (tolerance === undefined || isWithin(tolerance, { status: 0, stdout: "", stderr: "", body: "" }) !== undefined)
    return undefined;
  return `Its tolerance (${(tolerance as { type?: string }).type ?? "?"}) is not understood here.`;
}

function doingOf(activity: Activity, experiment: Experiment, ids: Set<string>): Doing {
  const { provider, pauses, background, tolerance } = activity;
  const fill = (text: string) => substituted(text, experiment.configuration ?? {}, experiment.secrets ?? {});
  const milliseconds = (seconds: unknown) => {
    const number = Number(fill(String(seconds)));
    return Number.isFinite(number) && number > 0 ? Math.round(number * 1000) : undefined;
  };
  const fields = {
    ...doneBy(provider, fill, milliseconds),
    expect: tolerance,
    pauseBeforeMs: pauses?.before === undefined ? undefined : milliseconds(pauses.before),
    pauseAfterMs: pauses?.after === undefined ? undefined : milliseconds(pauses.after),
    background: background === true ? true : undefined,
  };
  const said = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return { id: idOf(activity.name, ids), ...said };
}

function doneBy(
  provider: Provider,
  fill: (text: string) => string,
  milliseconds: (seconds: unknown) => number | undefined,
) {
  switch (provider.type) {
    case "process": {
      const timeoutMs = provider.timeout === undefined ? undefined : milliseconds(provider.timeout);
      const command = [provider.path, ...wordsOf(provider.arguments)].map(fill);
      return { process: { command, ...(timeoutMs === undefined ? {} : { timeoutMs }) } };
    }
    case "http": {
      const { url, method, headers, timeout, arguments: body } = provider;
      // A pair is that of connecting and of reading; the whole takes both.
      const times = (Array.isArray(timeout) ? timeout : timeout === undefined ? [] : [timeout]).map(milliseconds);
      const timeoutMs = times.reduce<number>((sum, time) => sum + (time ?? 0), 0);
      return {
        http: {
          url: fill(url),
          ...(method === undefined ? {} : { method }),
          ...(headers === undefined
            ? {}
            : {
                headers: Object.fromEntries(
                  Object.entries(headers).map(([name, value]) => [name, fill(String(value))]),
                ),
              }),
          ...(body === undefined ? {} : { body }),
          ...(timeoutMs === 0 ? {} : { timeoutMs }),
        },
      };
    }
    case "python":
      return {};
  }
}

/** A command line is split as a shell would; of options and values those without a value stand alone. */
function wordsOf(given: unknown): readonly string[] {
  if (given === undefined || given === null) return [];
  if (typeof given === "string") return splitWords(given);
  if (Array.isArray(given)) return given.map(String);
  return Object.entries(given as object).flatMap(([name, value]) =>
    value === "" || value === null ? [name] : [name, String(value)],
  );
}

function idOf(name: string, ids: Set<string>): string {
  const base =
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
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
    what: `${path} is no experiment and no journal of the Chaos Toolkit.`,
    why,
    next: "See whether `chaos validate` takes it.",
    details: { path },
  });
}
