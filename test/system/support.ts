import { BlackstartError } from "../../src/base/error.ts";
import { type ParseContext, parseSystem } from "../../src/system/load.ts";
import type { Problem } from "../../src/system/problem.ts";
import type { System } from "../../src/system/schema.ts";

export function parse(text: string, context: Partial<ParseContext> = {}): System {
  return parseSystem(text, { path: "/etc/blackstart.yaml", environment: {}, ...context });
}

/** The error that the text is refused with. */
export function refused(text: string, context: Partial<ParseContext> = {}): BlackstartError {
  try {
    parse(text, context);
  } catch (error) {
    if (error instanceof BlackstartError) return error;
    throw error;
  }
  throw new Error("the file was taken");
}

/** The problems of a refused text, as `line:column path: message [nearest]`. */
export function problems(text: string, context: Partial<ParseContext> = {}): readonly string[] {
  const found = refused(text, context).details.problems as unknown as readonly Problem[];
  return found.map(
    ({ line, column, path, message, nearest }) =>
      `${line}:${column} ${path}: ${message}${nearest === undefined ? "" : ` [${nearest}]`}`,
  );
}

/** A small right system, to be made wrong. */
export const small = `system: payments
clusters:
  ledger:
    synchronous: 1
    nodes:
      pg1: { url: "postgres://u@10.0.0.1/ledger", host: local }
      pg2: { url: "postgres://u@10.0.0.2/ledger", host: "ssh://root@10.0.0.2" }
`;
