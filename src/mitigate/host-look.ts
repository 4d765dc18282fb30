import type { Instance, KnownState } from "../drivers/postgres/instance.ts";

/*
 * What a host saw of a server while a plan was made. Clients wait for each look: a plan that is carried out at once begins
 * with that one. Whether it is so still is asked after the fence's mark.
 */

const looks = new WeakMap<Instance, Readonly<{ state: KnownState; atMs: number }>>();
/** A person reads the plan first, and this process may be halted. */
const justNowMs = 500;

export function noteLook(instance: Instance, state: KnownState): void {
  looks.set(instance, { state, atMs: performance.now() });
}

/** Undefined where it was not looked at just now. */
export function lookedJustNow(instance: Instance): KnownState | undefined {
  const look = looks.get(instance);
  return look !== undefined && performance.now() - look.atMs < justNowMs ? look.state : undefined;
}
