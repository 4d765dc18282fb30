import { resolve } from "node:path";
import { saveSystemFile } from "../../../system/write.ts";
import { initFile } from "../../../watch/init.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { wrapped } from "../../output/layout.ts";

export type InitCommandOptions = Readonly<{ system?: string; force?: boolean; file?: string }>;

export async function initCommand(
  context: CommandContext,
  options: InitCommandOptions,
  urls: readonly string[],
): Promise<Outcome> {
  const { out } = context;
  const path = resolve(options.file ?? "blackstart.yaml");
  out.progress("Asking …");
  const { text, notes } = await initFile(urls, options.system === undefined ? {} : { system: options.system });
  await saveSystemFile(path, text, options.force === true);
  out.text(`Wrote ${path}. Read it, and complete it.`);
  for (const note of notes) for (const line of wrapped(note, out.layout.width, "  note: ")) out.progress(line);
  out.progress("Next: blackstart check");
  return { result: { file: path, notes } };
}
