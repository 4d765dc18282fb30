import { BlackstartError } from "../../base/error.ts";

/** IPv4 only: addresses as unsigned numbers. */
export type Network = Readonly<{ base: number; prefix: number }>;

export function addressNumber(text: string): number | undefined {
  const parts = text.split(".").map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : Number.NaN));
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

function addressText(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** `24` or `255.255.255.0`, as IPaddr2 takes both; undefined for what is neither. */
export function prefixOf(netmask: string): number | undefined {
  if (/^\d{1,2}$/.test(netmask)) return Number(netmask) <= 32 ? Number(netmask) : undefined;
  const mask = addressNumber(netmask);
  if (mask === undefined) return undefined;
  const prefix = 32 - Math.log2(2 ** 32 - mask);
  return Number.isInteger(prefix) ? prefix : undefined;
}

/**
 * The networks that the virtual addresses lie in, each once. A netmask that leaves no room for hosts (31, 32) says nothing
 * about the network: then it is the /24 around the address.
 */
export function networksOf(addresses: readonly Readonly<{ address: string; prefix: number }>[]): readonly Network[] {
  const networks: Network[] = [];
  for (const { address, prefix: given } of addresses) {
    const value = addressNumber(address);
    if (value === undefined) continue;
    const prefix = given > 30 ? 24 : given;
    const base = value - (value % 2 ** (32 - prefix));
    if (!networks.some((network) => contains(network, value))) networks.push({ base, prefix });
  }
  return networks;
}

export function contains({ base, prefix }: Network, value: number): boolean {
  return value >= base && value < base + 2 ** (32 - prefix);
}

/** The first `count` addresses of a network that are free, from .11 on where there is room, as `10.20.0.11/24`. */
export function freeAddresses(network: Network, taken: readonly string[], count: number): readonly string[] {
  const size = 2 ** (32 - network.prefix);
  const first = size > 64 ? 11 : 1;
  const used = new Set(taken.map(addressNumber));
  const found: string[] = [];
  for (let offset = first; offset < size - 1 && found.length < count; offset++) {
    const value = network.base + offset;
    if (!used.has(value)) found.push(`${addressText(value)}/${network.prefix}`);
  }
  if (found.length === count) return found;
  throw new BlackstartError("USAGE", {
    what: `The network ${addressText(network.base)}/${network.prefix} has no room for ${count} machines.`,
    why: "The virtual addresses' netmask says how large it is.",
    next: "Give them a wider cidr_netmask in the copy that the lab is made from.",
  });
}
