import { lookup } from "node:dns/promises";
import { delay } from "../base/time.ts";
import { spelledHost } from "../system/address.ts";
import type { Resolved } from "./postgres/endpoints.ts";

/** A name server that is out must not keep clients waiting: what it says later is unknown. */
const limitMs = 500;

/** The addresses of these names as this machine has them (/etc/hosts, DNS), all asked at once. */
export async function resolveNames(names: readonly string[]): Promise<Resolved> {
  if (names.length === 0) return {};
  const found: Record<string, readonly string[]> = {};
  const over = new AbortController();
  const asked = names.map(async (name) => {
    try {
      const addresses = await lookup(name, { all: true });
      found[name] = addresses.map(({ address }) => spelledHost(address));
    } catch {
      // Not known here; its standby may know it.
    }
  });
  try {
    await Promise.race([Promise.all(asked), delay(limitMs, over.signal)]);
  } finally {
    over.abort();
  }
  return { ...found };
}
