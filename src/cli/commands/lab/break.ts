import { BlackstartError } from "../../../base/error.ts";
import type { Fault } from "../../../lab/faults/fault.ts";
import { faults } from "../../../lab/faults/faults.ts";
import { parametersOf, parameterText } from "../../../lab/faults/parameters.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { chooseLab } from "./choose.ts";

/** With `file`: of that system instead of a lab, where its nodes and caches are declared expendable. */
export type BreakOptions = Readonly<{ on?: string; with?: readonly string[]; lab?: string; file?: string }>;

export async function breakCommand(context: CommandContext, options: BreakOptions, fault?: string): Promise<Outcome> {
  if (fault === undefined) return listFaults(context, faults, "break");
  const given = parametersIn(options.with ?? []);
  if (options.file !== undefined) {
    const { breakExpendable } = await import("../../../lab/break-expendable.ts");
    const [system, fleet] = [await context.system(), await context.fleet()];
    return tell(context, system.system, fault, await breakExpendable(system, fleet, fault, options.on, given));
  }
  const lab = await chooseLab(context, options.lab);
  return tell(context, lab.name, fault, await lab.break(fault, options.on, given));
}

export async function healCommand(context: CommandContext, options: BreakOptions, fault?: string): Promise<Outcome> {
  if (fault === undefined) {
    const healed = faults.filter(({ heal }) => heal !== undefined);
    return listFaults(context, healed, "heal");
  }
  if (options.file !== undefined) {
    const { healExpendable } = await import("../../../lab/break-expendable.ts");
    const [system, fleet] = [await context.system(), await context.fleet()];
    return tell(context, system.system, fault, await healExpendable(system, fleet, fault, options.on));
  }
  const lab = await chooseLab(context, options.lab);
  return tell(context, lab.name, fault, await lab.heal(fault, options.on));
}

function tell({ out }: CommandContext, where: string, fault: string, told: { done: string; at?: string }): Outcome {
  out.text(told.done);
  out.progress("Next: blackstart status");
  return { result: { lab: where, fault, ...told } };
}

function listFaults({ out }: CommandContext, listed: readonly Fault[], verb: "break" | "heal"): Outcome {
  for (const fault of listed) out.record({ fault: factsOf(fault) });
  out.table(
    listed.map(({ name, description }) => [{ text: name, paint: out.style.bold }, description]),
    ["fault", "what is then the case"],
  );
  if (verb === "break") listParameters(out, listed);
  out.progress(`Next: blackstart lab ${verb} <fault>`);
  return { result: { faults: listed.length } };
}

function listParameters(out: CommandContext["out"], listed: readonly Fault[]): void {
  const rows = listed.flatMap((fault) =>
    parametersOf(fault).map((parameter) => [fault.name, parameterText(parameter)]),
  );
  out.text("");
  out.table(rows, ["fault", "--with"]);
}

function factsOf(fault: Fault) {
  const { name, description, undo, needs, on } = fault;
  return {
    name,
    description,
    undo,
    ...(needs === undefined ? {} : { needs }),
    ...(on === undefined ? {} : { on }),
    parameters: parametersOf(fault),
  };
}

/** `key=value`, the value as long as it goes: SQL has its own equals signs. */
function parametersIn(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text): [string, string] => {
      const equals = text.indexOf("=");
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
      throw new BlackstartError("USAGE", {
        what: `“${text}” is no parameter.`,
        why: "A parameter is written key=value.",
        next: "See `blackstart lab break` for those that a fault takes.",
      });
    }),
  );
}
