import { isIPv6 } from "node:net";
import type { AccessRow } from "../../drivers/postgres/configuration/queries.ts";
import type { AccessRule } from "./schema.ts";

/**
 * A rule of pg_hba.conf by its shape. Databases, roles and addresses become classes: the names may be those of
 * customers, and they differ between production and a lab anyway. Of the options only the names are kept, for LDAP and
 * RADIUS have their passwords there. Pure.
 */
export function accessRule(row: AccessRow): AccessRule {
  const address = addressClass(row.address, row.netmask);
  const options = (row.options ?? []).map((option) => option.split("=", 1)[0] ?? "").sort();
  return {
    type: row.type ?? "?",
    databases: classes(row.databases ?? []),
    users: classes(row.users ?? []),
    ...(address === undefined ? {} : { address }),
    method: row.method ?? "?",
    ...(options.length === 0 ? {} : { options }),
    ...(row.error === null ? {} : { error: true as const }),
  };
}

/** Words of pg_hba.conf that mean something by themselves; everything else is a name. */
const words: ReadonlySet<string> = new Set(["all", "replication", "sameuser", "samerole", "samegroup"]);

function classes(names: readonly string[]): string[] {
  return [...new Set(names.map(classOf))].sort();
}

function classOf(name: string): string {
  if (words.has(name)) return name;
  if (name.startsWith("+")) return "group";
  if (name.startsWith("@")) return "file";
  return name.startsWith("/") ? "pattern" : "named";
}

function addressClass(address: string | null, netmask: string | null): string | undefined {
  if (address === null) return undefined;
  if (["all", "samehost", "samenet"].includes(address)) return address;
  if (netmask === null) return address.startsWith(".") ? "domain" : "host name";
  const bits = bitsOf(netmask);
  if (bits === 0) return isIPv6(address) ? "every ipv6" : "every ipv4";
  if (address.startsWith("127.") || address === "::1") return "loopback";
  return `${isIPv6(address) ? "ipv6" : "ipv4"}/${bits}`;
}

function bitsOf(netmask: string): number {
  if (!isIPv6(netmask)) return netmask.split(".").reduce((bits, part) => bits + ones(Number(part)), 0);
  // A mask has ones, then zeros only: the groups that are written hold all the ones.
  return netmask.split(":").reduce((bits, group) => bits + ones(Number.parseInt(group || "0", 16)), 0);
}

function ones(number: number): number {
  return number.toString(2).replaceAll("0", "").length;
}
