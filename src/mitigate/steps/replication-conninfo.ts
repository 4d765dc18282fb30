import { BlackstartError } from "../../base/error.ts";
import { aimedAt, type Conninfo, formatConninfo, parseConninfo } from "../../drivers/postgres/conninfo.ts";
import { credentialsOf } from "../../drivers/postgres/connection.ts";
import { type FollowReason, followReasonIn } from "../../drivers/postgres/follow-reason.ts";
import { type Instance, ranAsStandby } from "../../drivers/postgres/instance.ts";
import { nameAsStandby, nameBySettings } from "../../drivers/postgres/names.ts";
import type { StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import type { Pair } from "../following.ts";
import { text } from "./parameters.ts";
import { declaredNode, replicationAddress, sessions } from "./servers.ts";
import { upstreamFor } from "./upstream.ts";

/** How a node logs in to replicate, and what came of trying that from its machine. */
export type Login = Readonly<{
  conninfo: Conninfo;
  /** The answer to IDENTIFY_SYSTEM. */
  said?: string;
  /** Why it is not let in, or could not be tried. */
  problem?: BlackstartError;
}>;

type Known = Readonly<{
  /** The node's own primary_conninfo in force; without it, the one that its next start would use. */
  own?: string;
  /** Its log says that the primary refuses its own; counts only where that cannot be tried. */
  refused?: boolean;
  /** From which node it is to replicate, whatever `follows:` says. */
  upstream?: string;
}>;

/**
 * How it replicates from the primary: by its own primary_conninfo, led there; where that is empty or refused, see
 * `loginsFrom`. The first that is let in, as tried from its machine; where none is, its own.
 */
export async function loginOf(
  context: MitigationContext,
  { cluster, node, primary }: Pair,
  instance: Instance | undefined,
  known: Known = {},
): Promise<Login> {
  const { url, host, replication } = declaredNode(context, cluster, primary);
  const { left, credentials } = await sessions(context).use(cluster, primary, async (connection) => {
    const rows = await connection.query<{ value: string }>("select current_setting('primary_conninfo') as value");
    return { left: rows[0]?.value ?? "", credentials: credentialsOf(connection) };
  });
  const before = known.own ?? (await settingOf(instance, "primary_conninfo"));
  const clusterName = await settingOf(instance, "cluster_name");
  const isBeside = host !== undefined && host === declaredNode(context, cluster, node).host;
  const upstream = known.upstream ?? (await upstreamFor(context, cluster, node, primary));
  const declared = declaredNode(context, cluster, upstream).replication ?? replication;
  const address = replicationAddress(context, cluster, upstream, node);
  const [own, others] = [readable(before), loginsFrom({ declared, url, left, before, credentials, isBeside })];
  const set = { primaryConninfo: before, clusterName };
  const present = own !== undefined && (await isStandbyByItsFiles(instance)) ? nameBySettings(set) : undefined;
  const name = present ?? nameAsStandby(node, set, [{ primaryConninfo: left, clusterName: "" }]);
  const named = { application_name: name };
  return firstLetIn(instance, {
    own: own && { ...aimedAt(own, address), ...(present === undefined ? named : {}) },
    others: others.map((one) => ({ ...aimedAt(one, address), ...named })),
    refused: known.refused ?? false,
  });
}

type Choices = Readonly<{ own: Conninfo | undefined; others: readonly Conninfo[]; refused: boolean }>;

/** The first that is let in. @param instance undefined where nothing can be tried from its machine */
export async function firstLetIn(
  instance: Pick<Instance, "tryLogin"> | undefined,
  { own, others, refused }: Choices,
): Promise<Login> {
  const last = others.at(-1) as Conninfo;
  const results: Login[] = [];
  for (const conninfo of instance === undefined ? [] : [...(own ? [own] : []), ...others]) {
    const tried = await loginTried(instance as Pick<Instance, "tryLogin">, conninfo);
    if (tried.said !== undefined) return tried;
    if (tried.problem?.code !== "HOST_COMMAND_FAILED") return { ...tried, conninfo: refused ? last : (own ?? last) };
    results.push(tried);
    // Another login does not lead there either.
    if (refusalIn(tried)?.kind === "address") break;
  }
  if (results.length === 0) return { conninfo: refused ? last : (own ?? last) };
  return (own === undefined ? results.at(-1) : results[0]) as Login;
}

/** As a receiver does: with the database `replication`, which the server ignores, and password files know. */
async function loginTried(instance: Pick<Instance, "tryLogin">, conninfo: Conninfo): Promise<Login> {
  // By target_session_attrs libpq would reject the other node while it is still a standby.
  const { target_session_attrs: _, ...asked } = conninfo;
  try {
    const receiver = { ...asked, dbname: "replication", replication: "true" };
    return { conninfo, said: await instance.tryLogin(receiver, "IDENTIFY_SYSTEM") };
  } catch (error) {
    if (error instanceof BlackstartError) return { conninfo, problem: error };
    throw error;
  }
}

/** Why it is not let in; undefined: it is, or that cannot be tried. */
export function refusalIn({ problem }: Login): FollowReason | undefined {
  return problem?.code === "HOST_COMMAND_FAILED" ? followReasonIn(problem.why.split("\n")) : undefined;
}

type Sources = Readonly<{
  /** `replication:` of the node that it streams from, in the system file. */
  declared: string | undefined;
  url: string;
  /** The primary_conninfo that the primary has from when it was a standby itself, or nothing. */
  left: string;
  /** The node's own. */
  before: string;
  /** By which we came in to the primary. */
  credentials: Conninfo;
  /** Both are on one host: what is a file for the one is a file for the other. */
  isBeside: boolean;
}>;

/**
 * How the node logs in to the primary where its own primary_conninfo is of no use: as declared; else as the primary itself
 * did while it was a standby, with the files that names, then without; else by the url. A password that this does not tell
 * is that of the same user in one of the others, or by which we came in. Pure.
 */
export function loginsFrom({ declared, url, left, before, credentials, isBeside }: Sources): readonly Conninfo[] {
  const [primarys = {}, own = {}] = [readable(left), readable(before)];
  const { passfile: _passfile, sslcert: _sslcert, sslkey: _sslkey, ...withoutFiles } = primarys;
  const all = isBeside ? [primarys] : [primarys, withoutFiles];
  const logins = all.map((one) => {
    const base = declared === undefined && readable(left) !== undefined ? one : parseConninfo(declared ?? url);
    // The failover slots of 17 are kept in step over a connection to a database; who only streams ignores it.
    const dbname = base.dbname ?? own.dbname ?? primarys.dbname;
    return { ...withPassword(base, [own, one, credentials]), ...(dbname === undefined ? {} : { dbname }) };
  });
  return [...new Map(logins.map((one) => [comparable(one), one])).values()];
}

function withPassword(base: Conninfo, others: readonly Conninfo[]): Conninfo {
  const user = base.user ?? others.at(-1)?.user;
  const named: Conninfo = { ...base, ...(user === undefined ? {} : { user }) };
  const tells = (one: Conninfo) => one.password !== undefined || one.passfile !== undefined;
  const other = tells(named) ? undefined : others.find((one) => one.user === user && tells(one));
  const { password, passfile } = other ?? {};
  return { ...named, ...(passfile === undefined ? {} : { passfile }), ...(password === undefined ? {} : { password }) };
}

/** Undefined where there is none, or nobody could use it. */
function readable(conninfo: string): Conninfo | undefined {
  if (conninfo.trim() === "") return undefined;
  try {
    return parseConninfo(conninfo);
  } catch {
    return undefined;
  }
}

/** It streams, or did when it ran last: under the name that others know. */
async function isStandbyByItsFiles(instance: Instance | undefined): Promise<boolean> {
  try {
    return instance !== undefined && ranAsStandby((await instance.control()).clusterState);
  } catch (error) {
    if (error instanceof BlackstartError) return false;
    throw error;
  }
}

/**
 * What a running standby's primary_conninfo has to be; undefined where it is that already. Its own is only led to the
 * primary's address, unless it is refused there.
 */
export async function correctedConninfo(
  context: MitigationContext,
  step: StepContext,
  instance: Instance,
  present: string,
  reason: FollowReason["kind"] | undefined,
): Promise<Conninfo | undefined> {
  const refused = reason === "password" || reason === "role" || reason === "tls" || reason === "conninfo";
  const { conninfo } = await loginOf(context, pairOf(step), instance, { own: present, refused });
  return isSameConninfo(conninfo, present) ? undefined : conninfo;
}

export function isSameConninfo(conninfo: Conninfo, present: string): boolean {
  const own = readable(present);
  return own !== undefined && comparable(conninfo) === comparable(own);
}

function comparable(conninfo: Conninfo): string {
  return formatConninfo(Object.fromEntries(Object.entries(conninfo).sort(([a], [b]) => (a < b ? -1 : 1))));
}

export function pairOf(step: StepContext): Pair {
  return { cluster: text(step, "cluster"), node: text(step, "node"), primary: text(step, "primary") };
}

/** Not known where its settings cannot be read; a start then fails for the same reason, and says so. */
export async function settingOf(instance: Instance | undefined, name: string): Promise<string> {
  try {
    return (await instance?.setting(name)) ?? "";
  } catch (error) {
    if (error instanceof BlackstartError) return "";
    throw error;
  }
}
