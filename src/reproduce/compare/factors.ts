import { mapping } from "../../system/loose.ts";
import { parseSynchronousNames } from "../../drivers/postgres/synchronous-names.ts";
import type { Capture } from "../capture/schema.ts";
import { hidden } from "../../system/known-secrets.ts";
import type { WrittenScenario } from "../scenario/schema.ts";
import { type Absent, crmLines, type NoFactor } from "./cib/crm-lines.ts";
import type { Comparison } from "./compare.ts";
import type { Difference } from "./subject.ts";
import { type TrialCluster, trialClusterOf } from "./trial-cluster.ts";

type Factor = WrittenScenario["factors"][number];

export type Factors = Readonly<{
  /** What is to be made in a trial, whose cluster is as the right, so that it is there as on the left. */
  factors: readonly Readonly<{ factor: Factor; of: Difference }>[];
  /** The differences that cannot be made there, and why not. */
  others: readonly Readonly<{ reason: string; of: Difference }>[];
}>;

/** Every difference, as a factor or with the reason why it is none; in the order of the differences. Pure. */
export function factorsOf(comparison: Comparison, left: Capture, right: Capture): Factors {
  const factors: { factor: Factor; of: Difference }[] = [];
  const others: { reason: string; of: Difference }[] = [];
  const taken = new Set<string>();
  const sides = sidesOf(comparison, left, right);
  for (const of of comparison.differences) {
    const nodes = of.nodes?.map((node) => sides.names.get(node) ?? node);
    const id = unique(idOf(of, nodes), taken);
    const made = withoutHidden(of) ?? factorOf(id, of, sides);
    if ("reason" in made) others.push({ reason: made.reason, of });
    else if (made.id === undefined || !taken.has(made.id)) {
      const factor = { id, ...made, ...(nodes === undefined ? {} : { nodes }) };
      taken.add(factor.id);
      factors.push({ factor, of });
    }
  }
  return { factors, others };
}

/** With an id of its own where it says several differences at once. */
type Body = Omit<Factor, "id" | "nodes"> & Readonly<{ id?: string }>;

type Sides = Readonly<{
  left: Capture;
  cluster: TrialCluster["cluster"];
  /** From the name of a node on the left to its counterpart's in a trial. */
  names: ReadonlyMap<string, string>;
  absent: Absent;
}>;

function sidesOf({ differences, pairing }: Comparison, left: Capture, right: Capture): Sides {
  const { cluster, names } = trialClusterOf(right);
  const resources = differences.flatMap(({ subject, right: there }) =>
    subject.kind === "cib" && subject.cib.kind === "resource" && there === null ? [subject.cib.resource] : [],
  );
  return {
    left,
    cluster,
    names: new Map(pairing.pairs.map((pair) => [pair.left, names.get(pair.right) ?? pair.right])),
    absent: { resources: new Set(resources), nodes: new Set(pairing.alone.left) },
  };
}

function withoutHidden({ left }: Difference): NoFactor | undefined {
  return left?.includes(hidden) ? { reason: "its value holds a secret, and was left out of the capture" } : undefined;
}

function factorOf(id: string, difference: Difference, sides: Sides): Body | NoFactor {
  const { subject, left } = difference;
  switch (subject.kind) {
    case "setting":
      return settingFactor(subject.name, difference, sides);
    case "cib": {
      const lines = crmLines(id, difference, sides.absent);
      return "reason" in lines ? lines : { manage: lines.join("\n") };
    }
    case "patroni":
      if (subject.ofMember) return { reason: "it stands in one member's patroni.yml" };
      return patroniFactor(subject.path, sides);
    case "topology":
      return topologyFactor(subject.name, left, sides);
    case "manager":
      return { reason: "it is the cluster's `manager`: one for all trials of a scenario" };
    case "version":
      if (subject.of !== "PostgreSQL") return { reason: `install this version of ${subject.of} where the lab is` };
      return { reason: "install it where the lab is: a trial takes the PostgreSQL that is there" };
    case "role-setting":
      return {
        reason: "the capture holds no names of roles and databases; make a factor with `sql: alter role … set …`",
      };
    case "fixed":
      return { reason: "it is decided when the cluster is made (initdb, or the build)" };
    case "build":
    case "extension":
      return { reason: "install the same packages where the lab is" };
    case "databases":
      return { reason: "it is decided when the cluster is made, and by the libraries of the machine" };
    case "access":
      return { reason: "the capture holds no names of roles and databases" };
    case "corosync":
      return { reason: "Corosync reads it when the lab is made; a scenario has none of its own" };
    case "mount":
    case "machine":
    case "limit":
      return { reason: "a lab runs on the kernel, the disks and the limits of this machine" };
  }
}

function settingFactor(name: string, { left, nodes }: Difference, { cluster, names }: Sides): Body | NoFactor {
  if (left === null) return { reason: "the left's version does not know this setting" };
  const reason = notForLabs(name, left);
  if (reason !== undefined) return { reason };
  const isManaged = cluster.manager !== undefined && cluster.manager !== "streaming";
  if (isManaged && nodes !== undefined)
    return { reason: `a lab with ${cluster.manager} has the same settings on every node` };
  if (name !== "synchronous_standby_names") return { settings: { [name]: left } };
  return isManaged
    ? { reason: `${cluster.manager} decides it by itself` }
    : { settings: { [name]: renamed(left, names) } };
}

/** Why this value must stay out of a lab; undefined: it need not. */
function notForLabs(name: string, value: string): string | undefined {
  if (/^primary_(conninfo|slot_name)$|^(synchronized_standby|standby)_slots?(_names)?$/.test(name))
    return "it names another node, or its slot; the lab has its own";
  if (value !== "" && (name.endsWith("_command") || name === "archive_library"))
    return "a lab must not run what is meant for production's archive; `archive: true` gives the cluster its own";
  if (
    /^(log_destination|logging_collector|lc_messages)$/.test(name) ||
    /^log_min_messages=(fatal|panic)$/.test(`${name}=${value}`)
  )
    return "a lab reads from its servers' log, in English, what they do";
  return name === "ssl" && value === "on" ? "a lab has no certificates" : undefined;
}

/** The standbys as they are called in a trial. */
function renamed(value: string, names: ReadonlyMap<string, string>): string {
  const parsed = parseSynchronousNames(value);
  if (parsed === undefined) return "";
  const named = parsed.names.map((name) => names.get(name) ?? name);
  const words = named.map((name) => (/^([a-z_][a-z0-9_$]*|\*)$/i.test(name) ? name : JSON.stringify(name)));
  return `${parsed.method.toUpperCase()} ${parsed.count} (${words.join(", ")})`;
}

const times = ["ttl", "loop_wait", "retry_timeout"] as const;

/** The times all together: Patroni takes one only where it fits the others. */
function patroniFactor(path: readonly string[], { left, cluster }: Sides): Body | NoFactor {
  if (cluster.manager !== "patroni") return { reason: `a lab with ${cluster.manager} has no Patroni` };
  if (!times.some((name) => name === path.join("."))) return patroniSetting(path, left.patroni);
  const known = times.map((name) => [name, Number(left.patroni?.[name])] as const);
  const whole = known.filter(([, seconds]) => Number.isInteger(seconds) && seconds >= 1);
  return whole.length === 0
    ? { reason: "it is no whole number of seconds" }
    : { id: "patroni-times", patroni: Object.fromEntries(whole) };
}

function patroniSetting(path: readonly string[], tree: Capture["patroni"]): Body | NoFactor {
  if (path[0] === "standby_cluster") return { reason: "it names another cluster; the lab stands alone" };
  const value = path.reduce<unknown>((part, name) => mapping(part)[name], tree) ?? null;
  // Items of a list, and names with a dot, cannot be spelled so.
  if (typeof value === "object" && value !== null) return { reason: "it is no single value" };
  if (path.some((name) => !/^[a-z_]\w*$/i.test(name))) return { reason: "patronictl cannot name it" };
  const assignment = `${path.join(".")}=${JSON.stringify(value)}`.replaceAll("'", "'\\''");
  return { manage: `edit-config --force --quiet --set '${assignment}'` };
}

function topologyFactor(name: string, left: string | null, { cluster }: Sides): Body | NoFactor {
  if (name !== "roles" || left === null) return { reason: "it follows from how the lab is made" };
  if (cluster.manager === "pacemaker") return { reason: "the hosts are those of the cluster's `configuration`" };
  const count = (role: string) => Number(new RegExp(`(\\d+) ${role}`).exec(left)?.[1] ?? 0);
  const [synchronous, asynchronous] = [count("synchronous"), count("asynchronous")];
  if (count("standby") + count("unknown") > 0) return { reason: "it is not known which of them are synchronous" };
  if (count("primary") !== 1 || synchronous + asynchronous > 8)
    return { reason: "a lab begins with one primary and at most eight standbys" };
  const standbys = [
    ...Array.from({ length: synchronous }, () => "synchronous" as const),
    ...Array.from({ length: asynchronous }, () => "asynchronous" as const),
  ];
  return { topology: { standbys } };
}

function idOf({ where }: Difference, nodes: readonly string[] | undefined): string {
  const words = `${where.replace(/^setting |^Patroni's /, "")} ${nodes === undefined ? "" : `on ${nodes.join(" ")}`}`;
  const kebab = words
    .replace(/([a-z])([A-Z])/g, "$1-$2")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return kebab.slice(0, 56).replace(/-$/, "") || "difference";
}

function unique(id: string, taken: ReadonlySet<string>): string {
  let free = id;
  for (let number = 2; taken.has(free); number++) free = `${id}-${number}`;
  return free;
}
