import { BlackstartError, messageOf } from "../../../base/error.ts";
import { startUp, type Up } from "../../../server/up.ts";
import { tokenFile } from "../../../server/token.ts";
import { systemWarnings } from "../../../system/warnings.ts";
import { followed } from "../../../timeline/follow.ts";
import type { Timeline } from "../../../timeline/timeline.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";

export type UpCommandOptions = Readonly<{ listen: string; port: string }>;

/** Runs until Ctrl-C, SIGTERM, or until another process has taken over. */
export async function upCommand(context: CommandContext, options: UpCommandOptions): Promise<Outcome> {
  const { out, home, signal } = context;
  const system = await context.system();
  const timeline = await context.timeline();
  for (const { path, message } of systemWarnings(system)) out.progress(`${path}: ${message}`);
  const after = await timeline.position();
  const { listen: host, port } = options;
  const notice = (line: string) => out.progress(line);
  const up = await startUp({ system, timeline, home, host, port: portOf(port), notice });
  context.defer(() => up.close());
  out.record({ up: { system: system.system, url: up.url, tokenFile: tokenFile(home) } });
  out.text(`Watching ${system.system}.`);
  out.progress(`API: ${up.url}/openapi.json; who writes needs the token in ${tokenFile(home)}`);
  out.progress("What happens is told here. Ctrl-C ends it.");

  const reason = await tellUntilTheEnd(context, up, timeline, after);
  await up.close();
  return reason === undefined
    ? { result: { ended: signal.aborted ? "asked" : "closed" } }
    : { exitCode: 1, result: { ended: "taken over", reason } };
}

/** Every event of incidents and plans, as it happens. Answers why it ended, where nobody asked for it. */
async function tellUntilTheEnd(
  { out, signal }: CommandContext,
  up: Up,
  timeline: Timeline,
  after: number,
): Promise<string | undefined> {
  const stop = new AbortController();
  const ended = up.ended.then((reason) => {
    stop.abort();
    return reason;
  });
  const unread = (error: unknown) => out.progress(`What happens is not shown: ${messageOf(error)}`);
  for await (const event of followed(timeline, after, AbortSignal.any([signal, stop.signal]), unread)) {
    if (event.stream.startsWith("incident/") || event.stream.startsWith("plan/")) out.events([event]);
  }
  return signal.aborted ? undefined : ended;
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new BlackstartError("USAGE", {
    what: `--port ${text} is no port.`,
    why: "A port is a number from 0 to 65535; 0 takes any that is free.",
    next: "For example: --port 7700",
  });
}
