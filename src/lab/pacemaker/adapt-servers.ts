import type { Document } from "@xmldom/xmldom";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import type { Adaptation, Database } from "./adaptation.ts";
import { type ClusterShape, hostFolder } from "./configuration.ts";
import { descendantsOf, idOf, setValue, valueOf } from "../../drivers/pacemaker/xml.ts";

const kind = "instance_attributes";
const nodesMax = 9;

type Servers = Pick<
  ClusterShape,
  "synchronous" | "account" | "replicationRole" | "conninfoOptions" | "port" | "primaryAddress"
> &
  Readonly<{ nodes: readonly Omit<ClusterShape["nodes"][number], "addresses">[] }>;

/** Gives the pgsql resource the lab's paths, and reads from it what the servers must be like. */
export function adaptServers({ cib, tell }: Adaptation, { primitive }: Database, binaries: string): Servers {
  const resource = idOf(primitive);
  const get = (name: string) => valueOf(primitive, kind, name);
  const set = (name: string, is: string | undefined, why: string) => {
    const was = setValue(primitive, kind, name, is);
    if (was === is) return;
    tell({
      where: `${resource}, ${name}`,
      ...(was === undefined ? {} : { was: shown(name, was) }),
      ...(is === undefined ? {} : { is }),
      why,
    });
  };

  const primaryAddress = get("master_ip");
  if (primaryAddress === undefined || !["sync", "async"].includes(get("rep_mode") ?? "")) throw notReplicated(resource);
  const nodes = nodesOf(cib, resource, get("node_list"), get("rep_mode") === "sync");
  set("node_list", nodes.map(({ name }) => name).join(" "), "the agent compares names in small letters");

  for (const program of ["pgctl", "psql"] as const)
    set(program, join(binaries, program === "pgctl" ? "pg_ctl" : program), "PostgreSQL's programs are here");
  const paths = {
    pgdata: "data",
    config: "data/postgresql.conf",
    tmpdir: "tmp",
    logfile: "data.log",
    socketdir: "socket",
  };
  for (const [name, path] of Object.entries(paths))
    set(name, `${hostFolder}/${path}`, "each host has a folder of its own there");

  for (const name of ["pghost", "pglibs", "start_opt", "ctl_opt"])
    set(name, undefined, "the lab's postgresql.conf says it");
  for (const name of ["monitor_user", "monitor_password", "monitor_sql"])
    set(name, undefined, "neither the user nor the tables are in the lab; the agent asks what it asks by default");
  for (const name of ["restore_command", "archive_cleanup_command", "recovery_end_command"])
    set(name, undefined, "what it runs is not in the lab");
  const database = get("pgdb");
  if (database !== undefined && !["template1", "postgres"].includes(database))
    set("pgdb", "postgres", "the database is not in the lab");
  if (get("pgdba") === "root") set("pgdba", "postgres", "PostgreSQL does not run as root");
  const conninfoOptions = harmlessOptions(get("primary_conninfo_opt") ?? "");
  if (get("primary_conninfo_opt") !== undefined)
    set("primary_conninfo_opt", conninfoOptions, "certificates and passwords are not in the lab");
  const port = Number(get("pgport") ?? 5432);
  return {
    synchronous: get("rep_mode") === "sync",
    account: roleName(get("pgdba") ?? "postgres"),
    replicationRole: roleName(get("repuser") ?? "postgres"),
    conninfoOptions,
    port: Number.isInteger(port) && port > 0 && port < 65536 ? port : 5432,
    primaryAddress,
    nodes,
  };
}

/** The order of node_list; a live cluster's dump says besides who has the newest data, and who is synchronous. */
function nodesOf(cib: Document, resource: string, list: string | undefined, synchronous: boolean): Servers["nodes"] {
  const known = descendantsOf(cib, "node").map((node) => node.getAttribute("uname") ?? "");
  const listed = (list ?? "").split(/\s+/).filter(Boolean);
  const names = [...new Set((listed.length > 0 ? listed : known).map((name) => name.toLowerCase()))];
  for (const name of names) if (!/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/.test(name)) throw badName(name);
  if (names.length < 2 || names.length > nodesMax) throw badCount(resource, names);
  const rank = (name: string) => {
    const node = descendantsOf(cib, "node").find((element) => element.getAttribute("uname")?.toLowerCase() === name);
    const status = node === undefined ? undefined : valueOf(node, kind, `${resource}-data-status`);
    return status === "LATEST" ? 0 : status === "STREAMING|SYNC" ? 1 : 2;
  };
  const ordered = names.toSorted((a, b) => rank(a) - rank(b));
  return ordered.map((name, index) => ({
    name,
    id: index + 1,
    role: index === 0 ? "primary" : index === 1 && synchronous ? "synchronous" : "asynchronous",
  }));
}

/** What is told may end in a log: no password is. */
function shown(name: string, value: string): string {
  return name === "monitor_password" ? "***" : value.replace(/\b(password\s*=\s*)('[^']*'|\S+)/g, "$1***");
}

/** Of `primary_conninfo_opt` what is about the connection itself. */
function harmlessOptions(options: string): string {
  return options
    .split(/\s+/)
    .filter((option) => /^(keepalives\w*|tcp_user_timeout|connect_timeout)=\d+$/.test(option))
    .join(" ");
}

function roleName(name: string): string {
  if (/^[a-z_][a-z0-9_-]{0,30}$/.test(name)) return name;
  throw new BlackstartError("USAGE", {
    what: `“${name}” cannot be an account of the lab's hosts.`,
    why: "pgdba and repuser have up to 31 small letters, digits, hyphens and underscores.",
    next: "Name another in the copy that the lab is made from.",
  });
}

function notReplicated(resource: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `The resource ${resource} keeps no primary with standbys.`,
    why: "It needs rep_mode=sync or rep_mode=async, and master_ip.",
    next: "Give the configuration of a replicated cluster.",
  });
}

function badName(name: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `“${name}” cannot be a host's name.`,
    why: "It has letters, digits, dots and hyphens only.",
    next: "Correct node_list.",
  });
}

function badCount(resource: string, names: readonly string[]): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `The cluster of ${resource} has ${names.length === 0 ? "no nodes" : `${names.length} nodes`}.`,
    why: `A lab has 2 to ${nodesMax}; they are named by node_list, else by the nodes of the configuration.`,
    next: "Name them in node_list.",
  });
}
