import type { Json, JsonObject } from "../../base/json.ts";
import type { Finding } from "../../finding/finding.ts";
import type { Plan, Refusal } from "../../plan/plan.ts";
import { scrub, scrubbed } from "../../system/scrub.ts";
import type { Event } from "../../timeline/timeline.ts";
import type { Layout } from "./layout.ts";
import { createLiveLine, type LiveLine } from "./live-line.ts";
import { createLivePlan, type LivePlan } from "./live-plan.ts";
import { errorJson, exitCodeOf, renderError } from "./render-error.ts";
import { renderEvents } from "./render-event.ts";
import { renderFinding } from "./render-finding.ts";
import { renderPlan, renderRefusal } from "./render-plan.ts";
import { createStyle, type Style, wantsColour } from "./style.ts";
import { type Cell, renderTable } from "./table.ts";

/**
 * Where a command says things. Data goes to stdout, progress and prose to stderr. With `--json` stdout carries one
 * JSON object a line and nothing else, the last of them the result.
 */
export interface Output {
  readonly json: boolean;
  /** A person sits there and can answer. */
  readonly interactive: boolean;
  readonly style: Style;
  readonly layout: Layout;

  finding(finding: Finding): void;
  plan(plan: Plan): void;
  refusal(refusal: Refusal): void;
  events(events: readonly Event[]): void;
  /** Shows a plan while it runs, on stderr. */
  livePlan(plan: Plan): LivePlan;
  /** What is being done at this moment, on stderr. */
  liveLine(): LiveLine;
  table(rows: readonly (readonly Cell[])[], header?: readonly Cell[]): void;
  /** Text for people that is the answer itself; not shown with `--json`. */
  text(...lines: readonly string[]): void;
  /**
   * Data that is made elsewhere, as it is: lines of text, or of JSON with `--json`. Resolves when it is written.
   * False when nobody reads any longer.
   */
  raw(bytes: Uint8Array): Promise<boolean>;
  /** One JSON line; shown only with `--json`. */
  record(record: JsonObject): void;

  /** A line on stderr. */
  progress(line: string): void;
  error(error: unknown, command: string): void;
  /** The last line with `--json`; otherwise nothing. */
  result(command: string, fields: JsonObject): void;
}

export type OutputOptions = Readonly<{
  json: boolean;
  color: boolean;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  stdin: NodeJS.ReadStream;
  environment: Readonly<Record<string, string | undefined>>;
}>;

/** Prose wider than this is hard to read, however wide the terminal. */
const maxWidth = 110;

export function createOutput(options: OutputOptions): Output {
  const { json, stdout, stderr } = options;
  const styleFor = (stream: NodeJS.WriteStream) =>
    createStyle(options.color && wantsColour(stream.isTTY === true, options.environment));
  const layoutFor = (stream: NodeJS.WriteStream): Layout => ({
    width: stream.isTTY === true ? Math.min(stream.columns || 80, maxWidth) : Number.POSITIVE_INFINITY,
  });
  const style = styleFor(stdout);
  /** Of the event that was shown last. */
  let day = "";
  const layout = layoutFor(stdout);
  // Nothing leaves but by these three, and no secret by any of them.
  const tell = (shown: string) => void stderr.write(scrubShown(shown));
  const text = (lines: readonly string[]) => {
    if (!json) stdout.write(scrubShown(`${lines.join("\n")}\n`));
  };
  const record = (fields: JsonObject) => {
    if (json) stdout.write(`${JSON.stringify(scrubbed(fields))}\n`);
  };
  return {
    json,
    interactive: !json && options.stdin.isTTY === true && stderr.isTTY === true,
    style,
    layout,
    finding: (finding) => {
      record({ finding: plain(finding) });
      text(renderFinding(safe(finding), style, layout));
    },
    plan: (plan) => {
      record({ plan: plain(plan) });
      text(renderPlan(safe(plan), style, layout));
    },
    refusal: (refusal) => {
      record({ refusal: plain(refusal) });
      if (!json) tell(`${renderRefusal(safe(refusal), styleFor(stderr), layoutFor(stderr)).join("\n")}\n`);
    },
    events: (events) => {
      for (const event of events) record({ event: plain(event) });
      if (events.length > 0) text(renderEvents(events.map(safe), day, style, layout));
      day = events.at(-1)?.at.slice(0, 10) ?? day;
    },
    livePlan: (plan) =>
      createLivePlan(safe(plan), {
        isTerminal: stderr.isTTY === true && !json,
        style: styleFor(stderr),
        layout: layoutFor(stderr),
        write: tell,
      }),
    liveLine: () =>
      createLiveLine({
        isTerminal: stderr.isTTY === true && !json,
        layout: layoutFor(stderr),
        write: tell,
      }),
    table: (rows, header) => {
      if (rows.length > 0)
        text(
          renderTable(
            rows,
            layout,
            header?.map((cell) => dimmed(cell, style)),
          ),
        );
    },
    text: (...lines) => text(lines),
    raw: (bytes) =>
      new Promise((resolve) => {
        if (stdout.destroyed) resolve(false);
        else stdout.write(bytes, (error) => resolve(error === null || error === undefined));
      }),
    record,
    progress: (line) => tell(`${line}\n`),
    error: (error, command) => {
      tell(`${renderError(error, styleFor(stderr), layoutFor(stderr)).join("\n")}\n`);
      record({ result: command, error: errorJson(error), exitCode: exitCodeOf(error) });
    },
    result: (command, fields) => record({ result: command, ...fields }),
  };
}

/** The nouns are plain data; their types are only stricter than JSON's. */
function plain(value: object): Json {
  return value as unknown as Json;
}

/** Before it is laid out: a secret that is cut or wrapped would not be found any more. */
function safe<T extends object>(value: T): T {
  return scrubbed(plain(value)) as unknown as T;
}

/** What is between the colours; a colour's end is no part of a secret. */
function scrubShown(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a colour begins with one
  return text
    .split(/(\u001b\[[\d;?]*[A-Za-z])/)
    .map((part, index) => (index % 2 === 0 ? scrub(part) : part))
    .join("");
}

function dimmed(cell: Cell, style: Style): Cell {
  return typeof cell === "string" ? { text: cell, paint: style.dim } : cell;
}
