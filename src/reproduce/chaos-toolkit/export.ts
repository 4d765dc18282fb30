import { z } from "zod";
import { BlackstartError } from "../../base/error.ts";
import { type Doing, type Draft, draftSchema } from "./draft.ts";
import type { Activity, Experiment, Provider } from "./experiment.ts";

/** The experiment that says the same as a scenario, and what it cannot say, with the reason. */
export type Exported = Readonly<{ experiment: Experiment; notSaid: readonly Readonly<{ id: string; why: string }>[] }>;

/** What an experiment can say of a scenario, whatever else stands in it. Throws INPUT_INVALID. */
export function readDraft(data: unknown, path: string): Draft {
  const parsed = draftSchema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new BlackstartError("INPUT_INVALID", {
    what: `${path} is no scenario.`,
    why: z.prettifyError(parsed.error).split("\n").slice(0, 6).join("\n"),
    next: "A scenario names its `symptom` and its `factors`.",
    details: { path },
  });
}

/** Factors become actions, in their order, a fault of the lab as a call of blackstart; the symptom's probes the steady state. Pure. */
export function exportExperiment(draft: Draft, otherwise: string): Exported {
  const notSaid: { id: string; why: string }[] = [];
  const activities = (type: Activity["type"], list: readonly Doing[]) =>
    list.flatMap((doing): Activity[] => {
      const provider = providerOf(doing);
      if (provider !== undefined) return [activityOf(type, doing, provider)];
      notSaid.push({ id: doing.id, why: "An experiment has processes and requests only." });
      return [];
    });
  const title = draft.title ?? otherwise;
  return {
    experiment: {
      version: "1.0.0",
      title,
      description: draft.description ?? title,
      "steady-state-hypothesis": {
        title: draft.symptom?.title?.replace(/^not: /, "") ?? title,
        probes: activities("probe", draft.symptom?.probes ?? []),
      },
      method: activities("action", draft.factors),
      rollbacks: activities("action", draft.undo),
    },
    notSaid,
  };
}

function providerOf({ process, http, fault, node }: Doing): Provider | undefined {
  if (process !== undefined) {
    const [path = "", ...words] = process.command;
    return { type: "process", path, arguments: words, ...timeoutOf(process.timeoutMs) };
  }
  if (http !== undefined) {
    const { url, method, headers, body, timeoutMs } = http;
    return {
      type: "http",
      url,
      ...(method === undefined ? {} : { method }),
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { arguments: body }),
      ...timeoutOf(timeoutMs),
    };
  }
  if (fault === undefined) return undefined;
  const where = node === undefined ? [] : ["--node", node];
  return { type: "process", path: "blackstart", arguments: ["lab", "break", fault, ...where] };
}

function timeoutOf(timeoutMs: number | undefined): { timeout?: number } {
  return timeoutMs === undefined ? {} : { timeout: timeoutMs / 1000 };
}

function activityOf(type: Activity["type"], doing: Doing, provider: Provider): Activity {
  const { pauseBeforeMs, pauseAfterMs } = doing;
  const pauses = {
    ...(pauseBeforeMs === undefined ? {} : { before: pauseBeforeMs / 1000 }),
    ...(pauseAfterMs === undefined ? {} : { after: pauseAfterMs / 1000 }),
  };
  return {
    type,
    name: doing.id,
    provider,
    // The Chaos Toolkit demands one of every probe of the steady state: that it succeeds.
    ...(type === "probe" ? { tolerance: doing.expect ?? (provider.type === "http" ? 200 : 0) } : {}),
    ...(Object.keys(pauses).length === 0 ? {} : { pauses }),
    ...(doing.background === true ? { background: true } : {}),
  };
}
