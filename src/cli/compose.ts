import { type HandlerRegistry, registryOf } from "../plan/handler.ts";
import type { CommandContext } from "./context.ts";

/** Every kind of step that this program can carry out. */
export async function planHandlers(context: CommandContext): Promise<HandlerRegistry> {
  const { mitigationHandlers } = await import("../mitigate/handlers.ts");
  const { recoveryHandlers } = await import("../recover/handlers.ts");
  const room = { system: await context.system(), fleet: await context.fleet(), timeline: await context.timeline() };
  return registryOf(...mitigationHandlers(room), ...recoveryHandlers({ ...room, home: context.home }));
}
