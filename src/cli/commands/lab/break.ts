import { faults } from "../../../lab/faults/faults.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { chooseLab } from "./choose.ts";

export type BreakOptions = Readonly<{ node?: string; lab?: string }>;

export async function breakCommand(context: CommandContext, options: BreakOptions, fault?: string): Promise<Outcome> {
  const { out } = context;
  if (fault === undefined) return listFaults(context);
  const lab = await chooseLab(context, options.lab);
  const { done } = await lab.break(fault, options.node);
  out.text(done);
  out.progress("Next: blackstart status");
  return { result: { lab: lab.name, fault, done } };
}

function listFaults({ out }: CommandContext): Outcome {
  for (const { name, description } of faults) out.record({ fault: { name, description } });
  out.table(
    faults.map(({ name, description }) => [{ text: name, paint: out.style.bold }, description]),
    ["fault", "what is then the case"],
  );
  out.progress("Next: blackstart lab break <fault>");
  return { result: { faults: faults.length } };
}

export async function healCommand(context: CommandContext, options: BreakOptions, fault: string): Promise<Outcome> {
  const lab = await chooseLab(context, options.lab);
  const { done } = await lab.heal(fault, options.node);
  context.out.text(done);
  context.out.progress("Next: blackstart status");
  return { result: { lab: lab.name, fault, done } };
}
