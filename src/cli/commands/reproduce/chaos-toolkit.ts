import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Json } from "../../../base/json.ts";
import { BlackstartError, messageOf } from "../../../base/error.ts";
import { exportExperiment } from "../../../reproduce/chaos-toolkit/export.ts";
import { importExperiment, readExperiment, scenarioText } from "../../../reproduce/chaos-toolkit/import.ts";
import { loadScenario } from "../../../reproduce/scenario/load.ts";
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
  const imported = importExperiment(experiment, named);
  const { scenario, notRun } = imported;
  await give(context, options, scenarioText(imported));
  for (const { name, why } of notRun) out.progress(`not taken: ${name}. ${why}`);
  if (journal !== undefined)
    out.progress(`The journal's run ${journal.deviated === true ? "deviated" : "did not deviate"}.`);
  out.progress(`${counted(scenario.factors.length, "factor")}. Read its commands before it is run: they run here.`);
  return {
    result: {
      scenario: scenario as unknown as Json,
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
  const { experiment, notSaid } = exportExperiment(await loadScenario(named));
  await give(context, options, `${JSON.stringify(experiment, null, 2)}\n`);
  for (const { what, why } of notSaid) context.out.progress(`not exported: ${what}. ${why}`);
  return { result: { experiment: experiment as unknown as Json, notSaid: notSaid.map((one) => ({ ...one })) } };
}

async function give({ out }: CommandContext, { into, force }: ExchangeOptions, text: string): Promise<void> {
  if (into === undefined) return out.text(text.trimEnd());
  await saveSystemFile(resolve(into), text, force === true);
  out.text(`Wrote ${resolve(into)}.`);
}

async function textOf(named: string): Promise<string> {
  return readFile(resolve(named), "utf8").catch((error) => {
    throw new BlackstartError("INPUT_INVALID", {
      what: `${named} cannot be read.`,
      why: messageOf(error).split("\n")[0] ?? "",
      next: "Name a file that is there.",
    });
  });
}
