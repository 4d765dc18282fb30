import { lookup } from "node:dns/promises";
import { delay } from "../base/time.ts";
import { spelledHost } from "../system/address.ts";
import type { Resolved } from "./postgres/endpoints.ts";

/** A name server that is out must not keep clients waiting: what it says later is unknown. */
const limitMs = 500;

/** Each name that is asked for now, once. */
const asked = new Map<string, Promise<readonly string[]>>();
let last: Promise<unknown> = Promise.resolve();

/**
 * One after the other: Node lets two such calls go on at once (libuv's slow work), each for as long as a dead name server
 * takes to time out, and every connection by name needs one.
 */
function addressesOf(name: string): Promise<readonly string[]> {
  const known = asked.get(name);
  if (known !== undefined) return known;
  const own = last.then(async () => {
    try {
      return (await lookup(name, { all: true })).map(({ address }) => spelledHost(address));
    } catch {
      return []; // Not known here; its standby may know it.
    } finally {
      asked.delete(name);
    }
  });
  asked.set(name, own);
  last = own;
  return own;
}

/** The addresses of these names as this machine has them (/etc/hosts, DNS). */
export async function resolveNames(names: readonly string[]): Promise<Resolved> {
  if (names.length === 0) return {};
  const found: Record<string, readonly string[]> = {};
  const over = new AbortController();
  const all = names.map(async (name) => {
    const addresses = await addressesOf(name);
    if (addresses.length > 0) found[name] = addresses;
  });
  try {
    await Promise.race([Promise.all(all), delay(limitMs, over.signal)]);
  } finally {
    over.abort();
  }
  return { ...found };
}
