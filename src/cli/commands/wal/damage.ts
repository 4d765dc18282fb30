import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
export type DamageOptions = Readonly<{ lsn?: string }>;
export async function damageCommand(_c: CommandContext, _o: DamageOptions, _f: string): Promise<Outcome> {
  return {};
}
