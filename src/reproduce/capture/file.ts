import { isMap, isScalar, isSeq, Document, parse, visit } from "yaml";
import { z } from "zod";
import { BlackstartError, messageOf } from "../../base/error.ts";
import { type Capture, captureSchema } from "./schema.ts";

/** The text of a capture's file: YAML, with what is read as one thing in one line. Pure. */
export function captureText(capture: Capture): string {
  // Quoted where a reader of YAML 1.1 would take `off` for a boolean.
  const document = new Document(capture, { compat: "yaml-1.1" });
  document.commentBefore = [
    ` The configuration of the cluster ${capture.cluster} of ${capture.system}, by \`blackstart reproduce capture\`.`,
    " Without passwords, and without the names of databases and roles. What was not found out: see `missing`.",
  ].join("\n");
  visit(document, {
    Pair: (_, pair) => {
      const { key, value } = pair;
      if (!isScalar(key) || !inOneLine.has(String(key.value))) return;
      const items = isMap(value) ? value.items.map((item) => item.value) : isSeq(value) ? value.items : [];
      for (const item of items) if (isMap(item)) item.flow = true;
    },
    Seq: (_, list) => {
      if (list.items.every((item) => isScalar(item) && String(item.value).length <= 40)) list.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

const inOneLine: ReadonlySet<string> = new Set([
  "settings",
  "roleSettings",
  "access",
  "standbys",
  "slots",
  "databases",
  "extensions",
  "mounts",
]);

/** The capture that a text holds, YAML or JSON. Throws INPUT_INVALID. */
export function readCapture(text: string, path: string): Capture {
  let data: unknown;
  try {
    data = parse(text);
  } catch (error) {
    throw notReadable(path, messageOf(error).split("\n")[0] ?? "");
  }
  const format = (data as { format?: unknown } | null)?.format;
  if (format !== undefined && format !== 1)
    throw notReadable(path, `Its format is ${String(format)}; this Blackstart reads format 1.`);
  const parsed = captureSchema.safeParse(data);
  if (!parsed.success) throw notReadable(path, z.prettifyError(parsed.error).split("\n").slice(0, 6).join("\n"));
  return parsed.data;
}

function notReadable(path: string, why: string): BlackstartError {
  return new BlackstartError("INPUT_INVALID", {
    what: `${path} is no capture.`,
    why,
    next: "Have one written: blackstart reproduce capture --into production.yaml",
    details: { path },
  });
}
