import type { Json, JsonObject } from "../../base/json.ts";
import { parseSynchronousNames } from "../../drivers/postgres/synchronous-names.ts";
import { hidden } from "../capture/secrets.ts";
import type { CibSubject } from "./cib/items.ts";
import type { Comparison } from "./compare.ts";
import type { Difference } from "./subject.ts";

/**
 * A difference as a factor of a scenario: what is to be made in the lab (the right) so that it is there as on the left.
 * The one place that knows the form of a factor. A null takes away what the lab has and the left has not.
 */
export type Factor = Readonly<{
  id: string;
  /** PostgreSQL settings, by name. */
  settings?: Readonly<Record<string, string>>;
  /** Only on these nodes of the right. */
  nodes?: readonly string[];
  cib?: JsonObject;
  patroni?: JsonObject;
  topology?: JsonObject;
}>;

/** A difference that cannot be made in a lab, and why not. */
export type NoFactor = Readonly<{ reason: string }>;

export type Factors = Readonly<{
  factors: readonly Readonly<{ factor: Factor; of: Difference }>[];
  others: readonly Readonly<{ reason: string; of: Difference }>[];
}>;

/** Every difference, as a factor or with the reason why it is none; in the order of the differences. Pure. */
export function factorsOf({ differences, pairing }: Comparison): Factors {
  const names = new Map(pairing.pairs.map(({ left, right }) => [left, right]));
  const factors: { factor: Factor; of: Difference }[] = [];
  const others: { reason: string; of: Difference }[] = [];
  const taken = new Set<string>();
  for (const of of differences) {
    const made = withoutHidden(of) ?? factorOf(of, names);
    if ("reason" in made) {
      others.push({ reason: made.reason, of });
      continue;
    }
    const nodes = of.nodes?.map((node) => names.get(node) ?? node);
    const id = unique(idOf(of, nodes), taken);
    factors.push({ factor: { id, ...made, ...(nodes === undefined ? {} : { nodes }) }, of });
  }
  return { factors, others };
}

type Body = Omit<Factor, "id" | "nodes">;

function withoutHidden({ left }: Difference): NoFactor | undefined {
  return left?.includes(hidden) ? { reason: "its value holds a secret, and was left out of the capture" } : undefined;
}

function factorOf(difference: Difference, names: ReadonlyMap<string, string>): Body | NoFactor {
  const { subject, left } = difference;
  switch (subject.kind) {
    case "setting":
      return settingFactor(subject.name, left, names);
    case "cib":
      return cibFactor(difference, subject.cib);
    case "patroni":
      if (subject.ofMember) return { reason: "it stands in one member's patroni.yml; change it there" };
      return { patroni: nested(subject.path, left) };
    case "topology":
      return topologyFactor(subject.name, left);
    case "manager":
      return { reason: "a lab is made for one manager: blackstart lab up --manager patroni" };
    case "version":
      if (subject.of !== "PostgreSQL") return { reason: `install this version of ${subject.of} where the lab is` };
      return { reason: "make the lab with it: blackstart lab up --binaries <folder>" };
    case "role-setting":
      return { reason: "the capture holds no names of roles and databases; ALTER ROLE … SET in the lab" };
    case "fixed":
      return { reason: "it is decided when the cluster is made (initdb, or the build)" };
    case "build":
    case "extension":
      return { reason: "install the same packages where the lab is" };
    case "databases":
      return { reason: "it is decided when the cluster is made, and by the libraries of the machine" };
    case "access":
      return { reason: "the capture holds no names of roles and databases; change the lab's pg_hba.conf" };
    case "corosync":
      return { reason: "Corosync reads it when the lab is made; change the lab's corosync.conf" };
    case "mount":
    case "machine":
    case "limit":
      return { reason: "a lab runs on the kernel, the disks and the limits of this machine" };
  }
}

function settingFactor(name: string, left: string | null, names: ReadonlyMap<string, string>): Body | NoFactor {
  if (left === null) return { reason: "the left's version does not know this setting" };
  if (name === "primary_conninfo" || name === "primary_slot_name")
    return { reason: "it names another node; change the lab's by hand" };
  return { settings: { [name]: name === "synchronous_standby_names" ? renamed(left, names) : left } };
}

/** The standbys as they are called in the lab. */
function renamed(value: string, names: ReadonlyMap<string, string>): string {
  const parsed = parseSynchronousNames(value);
  if (parsed === undefined) return "";
  return `${parsed.method.toUpperCase()} ${parsed.count} (${parsed.names.map((name) => names.get(name) ?? name).join(", ")})`;
}

function cibFactor({ left, leftSubject, rightSubject }: Difference, subject: CibSubject): Body | NoFactor {
  switch (subject.kind) {
    case "constraint": {
      const field = (one: Difference["leftSubject"]): JsonObject | undefined =>
        one?.kind === "cib" && one.cib.kind === "constraint"
          ? { [one.cib.constraint.kind]: { ...one.cib.constraint.fields } }
          : undefined;
      const [ours, theirs] = [field(leftSubject), field(rightSubject)];
      const isSet = [leftSubject, rightSubject].some(
        (one) =>
          one?.kind === "cib" && one.cib.kind === "constraint" && /[[(].* .*[\])]/.test(one.cib.constraint.members),
      );
      if (isSet) return { reason: "it is about a set of resources; write it into the lab's CIB" };
      return {
        cib: {
          ...(ours === undefined ? {} : { constraint: ours }),
          ...(theirs === undefined ? {} : { without: theirs }),
        },
      };
    }
    case "property":
      return { cib: { property: { [subject.name]: left } } };
    case "resource-default":
      return { cib: { "resource-defaults": { [subject.name]: left } } };
    case "operation-default":
      return { cib: { "operation-defaults": { [subject.name]: left } } };
    case "meta":
      return { cib: { meta: { resource: subject.resource, [subject.name]: left } } };
    case "parameter":
      return { cib: { parameter: { resource: subject.resource, [subject.name]: left } } };
    case "operation": {
      const { resource, operation, role, name } = subject;
      return { cib: { operation: { resource, operation, ...(role === undefined ? {} : { role }), [name]: left } } };
    }
    case "node-attribute":
      return { cib: { "node-attribute": { node: subject.node, [subject.name]: left } } };
    case "resource":
    case "fencing-level":
      return { reason: "it needs the resource itself; add it to the lab's CIB" };
  }
}

function topologyFactor(name: string, left: string | null): Body | NoFactor {
  if (name !== "roles" || left === null) return { reason: "it is how the lab is made, not what is set in it" };
  const counts = [...left.matchAll(/(\d+) (synchronous|asynchronous)/g)].map(([, count, role]) => [
    role,
    Number(count),
  ]);
  return { topology: { synchronous: 0, asynchronous: 0, ...Object.fromEntries(counts) } };
}

/** `["a", "b"]` and `"30"` become `{ a: { b: 30 } }`. */
function nested(path: readonly string[], value: string | null): JsonObject {
  return path.reduceRight<Json>(
    (inner, name) => ({ [name]: inner }),
    value === null ? null : typed(value),
  ) as JsonObject;
}

function typed(value: string): Json {
  if (/^(true|false)$/.test(value)) return value === "true";
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

function idOf({ where }: Difference, nodes: readonly string[] | undefined): string {
  const words = `${where.replace(/^setting |^Patroni's /, "")} ${nodes === undefined ? "" : `on ${nodes.join(" ")}`}`;
  const kebab = words
    .replace(/([a-z])([A-Z])/g, "$1-$2")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return kebab.slice(0, 80).replace(/-$/, "") || "difference";
}

function unique(id: string, taken: Set<string>): string {
  let free = id;
  for (let number = 2; taken.has(free); number++) free = `${id}-${number}`;
  taken.add(free);
  return free;
}
