import { resolve } from "node:path";
import type { Json } from "../../../base/json.ts";
import { captureText } from "../../../reproduce/capture/file.ts";
import { saveSystemFile } from "../../../system/write.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { wrapped } from "../../output/layout.ts";
import { counted } from "../../output/quantities.ts";
import { captureLive } from "./source.ts";

export type CaptureOptions = Readonly<{ into?: string; force?: boolean }>;

export async function captureCommand(
  context: CommandContext,
  options: CaptureOptions,
  named: string | undefined,
): Promise<Outcome> {
  const { out } = context;
  const capture = await captureLive(context, await context.system(), named);
  const text = captureText(capture);
  const path = options.into === undefined ? undefined : resolve(options.into);
  if (path !== undefined) await saveSystemFile(path, text, options.force === true);
  const { system, cluster, missing } = capture;
  const nodes = Object.keys(capture.nodes).length;
  const asked = Object.values(capture.nodes).filter(({ postgres }) => postgres !== undefined).length;
  out.record({ capture: capture as unknown as Json });
  if (path === undefined) out.text(text.trimEnd());
  else out.text(`Wrote ${path}: ${counted(asked, "node")} of ${system}/${cluster}, without passwords.`);
  for (const { node, what, why } of missing)
    for (const line of wrapped(
      `${node === undefined ? "" : `${node}: `}${what}. ${why}`,
      out.layout.width,
      "  not found out: ",
    ))
      out.progress(line);
  // A capture of nobody is of no use to anybody.
  return {
    exitCode: asked === 0 && nodes > 0 ? 1 : 0,
    result: { system, cluster, nodes, asked, missing: missing.length, ...(path === undefined ? {} : { file: path }) },
  };
}
