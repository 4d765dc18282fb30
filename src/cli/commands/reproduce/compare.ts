import { readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Json } from "../../../base/json.ts";
import { BlackstartError, messageOf } from "../../../base/error.ts";
import { compareCaptures, type Comparison } from "../../../reproduce/compare/compare.ts";
import { newScenario, withFactors } from "../../../reproduce/compare/factors-file.ts";
import { factorsOf } from "../../../reproduce/compare/factors.ts";
import { trialClusterOf } from "../../../reproduce/compare/trial-cluster.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { counted } from "../../output/quantities.ts";
import { tellComparison } from "./render-comparison.ts";
import { type Side, sideOf } from "./source.ts";

export type CompareOptions = Readonly<{ asFactors?: boolean; into?: string; exitCode?: boolean }>;

export async function compareCommand(
  context: CommandContext,
  options: CompareOptions,
  named: string,
  other: string | undefined,
): Promise<Outcome> {
  const { out } = context;
  const left = await sideOf(context, named);
  const right = await sideOf(context, other);
  warnOfMissing(context, [left, right]);
  const comparison = compareCaptures(left.capture, right.capture);
  const differences = comparison.differences.map(shown);
  const result = { left: left.label, right: right.label, differences, notCompared: comparison.notCompared };
  const exitCode = options.exitCode === true && differences.length > 0 ? 1 : 0;
  if (options.asFactors !== true && options.into === undefined) {
    tellComparison(out, comparison, [left.label, right.label]);
    return { exitCode, result: { result: "compare", ...result } };
  }
  const factors = await tellFactors(context, comparison, [left, right], options.into);
  return { exitCode, result: { result: "compare", ...result, ...factors } };
}

/** Without what is for the program only. */
function shown({
  subject,
  leftSubject: _left,
  rightSubject: _right,
  nodes,
  ...said
}: Comparison["differences"][number]) {
  return { ...said, about: subject.kind, ...(nodes === undefined ? {} : { nodes: [...nodes] }) };
}

function warnOfMissing({ out }: CommandContext, sides: readonly Side[]): void {
  for (const { label, capture } of sides) {
    // A CIB alone is not expected to hold more.
    const count = Object.keys(capture.nodes).length === 0 ? 0 : capture.missing.length;
    if (count > 0)
      out.progress(
        `${label}: ${counted(count, "thing was", "things were")} not found out; see \`missing\` in its capture.`,
      );
  }
}

async function tellFactors(
  { out }: CommandContext,
  comparison: Comparison,
  sides: readonly [Side, Side],
  into: string | undefined,
) {
  const [left, right] = sides;
  const found = factorsOf(comparison, left.capture, right.capture);
  const path = into === undefined ? undefined : resolve(into);
  const before = path === undefined ? "" : await readIfThere(path);
  const text = before ?? (await begun(path ?? "", sides));
  const written = withFactors(text, found, path ?? "the output");
  if (path === undefined) out.text(written.text.trimEnd());
  else {
    await write(path, written.text);
    out.text(`${path}: ${counted(written.added, "factor")} added.`);
    if (before === undefined)
      out.progress(
        `It is new: put in the symptom that was seen, and the fault that began it as a factor${written.added === 0 ? ", which it needs one of," : ""} before it is run.`,
      );
  }
  const { already } = written;
  if (already.length > 0) out.progress(`Left as they were, for their ids are there already: ${already.join(", ")}.`);
  return {
    factors: found.factors.map(({ factor }) => factor) as unknown as Json,
    noFactors: found.others.map(({ of, reason }) => ({ where: of.where, reason })),
    ...(path === undefined ? {} : { file: path }),
  };
}

/** A new scenario, whose cluster is as the right. What Pacemaker is configured with there is put beside it. */
async function begun(path: string, [left, { label, capture }]: readonly [Side, Side]): Promise<string> {
  const name = basename(path).replace(/\.ya?ml$/, "");
  const { cluster } = trialClusterOf(capture);
  const cib = capture.pacemaker?.cib;
  if (cib === undefined) return newScenario(name, [left.label, label], cluster);
  const configuration = `${name}.cib.xml`;
  await write(join(dirname(path), configuration), cib, "wx");
  return newScenario(name, [left.label, label], { ...cluster, configuration });
}

async function write(path: string, text: string, flag = "w"): Promise<void> {
  await writeFile(path, text, { flag }).catch((error) => {
    throw new BlackstartError("USAGE", {
      what: `${path} cannot be written.`,
      why: messageOf(error),
      next: "Name another file.",
    });
  });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw new BlackstartError("INPUT_INVALID", {
      what: `${path} cannot be read.`,
      why: messageOf(error),
      next: "Name another file.",
    });
  }
}
