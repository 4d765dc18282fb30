import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { parse, stringify } from "yaml";
import type { Json } from "../../../base/json.ts";
import { BlackstartError, messageOf } from "../../../base/error.ts";
import { exportExperiment, readDraft } from "../../../reproduce/chaos-toolkit/export.ts";
import { importExperiment, readExperiment } from "../../../reproduce/chaos-toolkit/import.ts";
import { saveSystemFile } from "../../../system/write.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { counted } from "../../output/quantities.ts";

export type ExchangeOptions = Readonly<{ into?: string; force?: boolean }>;

export async function importCommand(
  context: CommandContext,
  options: ExchangeOptions,
  named: string,
): Promise<Outcome> {
  const { out } = context;
  const { experiment, journal } = readExperiment(await textOf(named), named);
  const { draft, notRun } = importExperiment(experiment);
  await give(context, options, stringify(draft, { lineWidth: 0 }));
  for (const { name, why } of notRun) out.progress(`not taken: ${name}. ${why}`);
  if (journal !== undefined)
    out.progress(`The journal's run ${journal.deviated === true ? "deviated" : "did not deviate"}.`);
  const counts = { factors: draft.factors.length, probes: draft.symptom?.probes.length ?? 0, undo: draft.undo.length };
  out.progress(
    `${counted(counts.factors, "factor")}, ${counted(counts.probes, "probe")} of the symptom, ${counts.undo} to undo.`,
  );
  return {
    result: {
      ...counts,
      scenario: draft as unknown as Json,
      notRun: notRun.map((one) => ({ ...one })),
      ...(journal?.deviated === undefined ? {} : { deviated: journal.deviated }),
    },
  };
}

export async function exportCommand(
  context: CommandContext,
  options: ExchangeOptions,
  named: string,
): Promise<Outcome> {
  let data: unknown;
  try {
    data = parse(await textOf(named));
  } catch (error) {
    if (error instanceof BlackstartError) throw error;
    throw unreadable(named, error);
  }
  const { experiment, notSaid } = exportExperiment(readDraft(data, named), basename(named));
  await give(context, options, `${JSON.stringify(experiment, null, 2)}\n`);
  for (const { id, why } of notSaid) context.out.progress(`not exported: ${id}. ${why}`);
  return { result: { experiment: experiment as unknown as Json, notSaid: notSaid.map((one) => ({ ...one })) } };
}

async function give({ out }: CommandContext, { into, force }: ExchangeOptions, text: string): Promise<void> {
  if (into === undefined) return out.text(text.trimEnd());
  await saveSystemFile(resolve(into), text, force === true);
  out.text(`Wrote ${resolve(into)}.`);
}

async function textOf(named: string): Promise<string> {
  return readFile(resolve(named), "utf8").catch((error) => {
    throw unreadable(named, error);
  });
}

function unreadable(named: string, error: unknown): BlackstartError {
  return new BlackstartError("INPUT_INVALID", {
    what: `${named} cannot be read.`,
    why: messageOf(error).split("\n")[0] ?? "",
    next: "Name a file that is there.",
  });
}
