import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
export type ShowOptions = Readonly<{ lsn?: string }>;
export async function showCommand(_c: CommandContext, _o: ShowOptions, _f: string): Promise<Outcome> {
  return {};
}
