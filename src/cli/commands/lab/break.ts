import { faults } from "../../../lab/faults/faults.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { chooseLab } from "./choose.ts";

export type BreakOptions = Readonly<{ node?: string; lab?: string }>;

export async function breakCommand(context: CommandContext, options: BreakOptions, fault?: string): Promise<Outcome> {
  const { out } = context;
  if (fault === undefined) return listFaults(context, faults, "break");
  const lab = await chooseLab(context, options.lab);
  const { done } = await lab.break(fault, options.node);
  out.text(done);
  out.progress("Next: blackstart status");
  return { result: { lab: lab.name, fault, done } };
}

function listFaults({ out }: CommandContext, listed: typeof faults, verb: "break" | "heal"): Outcome {
  for (const { name, description } of listed) out.record({ fault: { name, description } });
  out.table(
    listed.map(({ name, description }) => [{ text: name, paint: out.style.bold }, description]),
    ["fault", "what is then the case"],
  );
  out.progress(`Next: blackstart lab ${verb} <fault>`);
  return { result: { faults: listed.length } };
}

export async function healCommand(context: CommandContext, options: BreakOptions, fault?: string): Promise<Outcome> {
  if (fault === undefined) {
    const healed = faults.filter(({ heal }) => heal !== undefined);
    return listFaults(context, healed, "heal");
  }
  const lab = await chooseLab(context, options.lab);
  const { done } = await lab.heal(fault, options.node);
  context.out.text(done);
  context.out.progress("Next: blackstart status");
  return { result: { lab: lab.name, fault, done } };
}
