import type { Json, JsonObject } from "../../base/json.ts";
import type { Finding } from "../../finding/finding.ts";
import type { Plan, Refusal } from "../../plan/plan.ts";
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
  const text = (lines: readonly string[]) => {
    if (!json) stdout.write(`${lines.join("\n")}\n`);
  };
  const record = (fields: JsonObject) => {
    if (json) stdout.write(`${JSON.stringify(fields)}\n`);
  };
  return {
    json,
    interactive: !json && options.stdin.isTTY === true && stderr.isTTY === true,
    style,
    layout,
    finding: (finding) => {
      record({ finding: plain(finding) });
      text(renderFinding(finding, style, layout));
    },
    plan: (plan) => {
      record({ plan: plain(plan) });
      text(renderPlan(plan, style, layout));
    },
    refusal: (refusal) => {
      record({ refusal: plain(refusal) });
      if (!json) stderr.write(`${renderRefusal(refusal, styleFor(stderr), layoutFor(stderr)).join("\n")}\n`);
    },
    events: (events) => {
      for (const event of events) record({ event: plain(event) });
      if (events.length > 0) text(renderEvents(events, day, style, layout));
      day = events.at(-1)?.at.slice(0, 10) ?? day;
    },
    livePlan: (plan) =>
      createLivePlan(plan, {
        isTerminal: stderr.isTTY === true && !json,
        style: styleFor(stderr),
        layout: layoutFor(stderr),
        write: (shown) => void stderr.write(shown),
      }),
    liveLine: () =>
      createLiveLine({
        isTerminal: stderr.isTTY === true && !json,
        layout: layoutFor(stderr),
        write: (shown) => void stderr.write(shown),
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
    progress: (line) => void stderr.write(`${line}\n`),
    error: (error, command) => {
      stderr.write(`${renderError(error, styleFor(stderr), layoutFor(stderr)).join("\n")}\n`);
      record({ result: command, error: errorJson(error), exitCode: exitCodeOf(error) });
    },
    result: (command, fields) => record({ result: command, ...fields }),
  };
}

/** The nouns are plain data; their types are only stricter than JSON's. */
function plain(value: object): Json {
  return value as unknown as Json;
}

function dimmed(cell: Cell, style: Style): Cell {
  return typeof cell === "string" ? { text: cell, paint: style.dim } : cell;
}
