import { BlackstartError } from "../../base/error.ts";
import { aimedAt, type Conninfo, formatConninfo, parseConninfo } from "../../drivers/postgres/conninfo.ts";
import { credentialsOf } from "../../drivers/postgres/connection.ts";
import type { FollowReason } from "../../drivers/postgres/follow-reason.ts";
import type { Instance } from "../../drivers/postgres/instance.ts";
import { nameAsStandby } from "../../drivers/postgres/names.ts";
import type { StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import type { Pair } from "../following.ts";
import { text } from "./parameters.ts";
import { declaredNode, replicationAddress, sessions } from "./servers.ts";
import { upstreamFor } from "./upstream.ts";

/**
 * How it replicates from the primary: as declared; else as the primary itself did while it was a standby; else by the
 * url. A password that this does not tell is that of the same user in one of the others, or by which we came in.
 */
export async function conninfoOf(
  context: MitigationContext,
  { cluster, node, primary }: Pair,
  instance: Instance | undefined,
): Promise<Conninfo> {
  const declared = declaredNode(context, cluster, primary);
  const { left, credentials } = await sessions(context).use(cluster, primary, async (connection) => {
    const rows = await connection.query<{ value: string }>("select current_setting('primary_conninfo') as value");
    return { left: rows[0]?.value ?? "", credentials: credentialsOf(connection) };
  });
  const [before, clusterName] = [
    await settingOf(instance, "primary_conninfo"),
    await settingOf(instance, "cluster_name"),
  ];
  const isBeside = declared.host !== undefined && declared.host === declaredNode(context, cluster, node).host;
  const kept = loginFrom({ declared: declared.replication, url: declared.url, left, before, credentials, isBeside });
  const name = nameAsStandby(node, { primaryConninfo: before, clusterName }, [
    { primaryConninfo: left, clusterName: "" },
  ]);
  const upstream = await upstreamFor(context, cluster, node, primary);
  return { ...aimedAt(kept, replicationAddress(context, cluster, upstream)), application_name: name };
}

type Sources = Readonly<{
  /** `replication:` of the primary in the system file. */
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

/** How the node logs in to the primary; see `conninfoOf`. Pure. */
export function loginFrom({ declared, url, left, before, credentials, isBeside }: Sources): Conninfo {
  const { passfile, ...others } = parseConninfo(left);
  const primarys: Conninfo = { ...others, ...(isBeside && passfile !== undefined ? { passfile } : {}) };
  const base = declared === undefined && left !== "" ? primarys : parseConninfo(declared ?? url);
  const { dbname: _dbname, ...kept } = withPassword(base, [parseConninfo(before), primarys, credentials]);
  return kept;
}

function withPassword(base: Conninfo, others: readonly Conninfo[]): Conninfo {
  const user = base.user ?? others.at(-1)?.user;
  const named: Conninfo = { ...base, ...(user === undefined ? {} : { user }) };
  const tells = (one: Conninfo) => one.password !== undefined || one.passfile !== undefined;
  const other = tells(named) ? undefined : others.find((one) => one.user === user && tells(one));
  const { password, passfile } = other ?? {};
  return { ...named, ...(passfile === undefined ? {} : { passfile }), ...(password === undefined ? {} : { password }) };
}

/**
 * What a running standby's primary_conninfo has to be; undefined where it is that already. Its own is only led to the
 * primary's address, unless what is wrong is how it logs in.
 */
export async function correctedConninfo(
  context: MitigationContext,
  step: StepContext,
  instance: Instance,
  present: string,
  reason: FollowReason["kind"] | undefined,
): Promise<Conninfo | undefined> {
  const isLogin = reason === "password" || reason === "role" || reason === "tls" || reason === "conninfo";
  const pair = pairOf(step);
  const { cluster, node, primary } = pair;
  const address = replicationAddress(context, cluster, await upstreamFor(context, cluster, node, primary));
  const own = isLogin || present === "" ? undefined : parseConninfo(present);
  const corrected = own === undefined ? await conninfoOf(context, pair, instance) : aimedAt(own, address);
  const isSame = present !== "" && comparable(corrected) === comparable(parseConninfo(present));
  return isSame ? undefined : corrected;
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
