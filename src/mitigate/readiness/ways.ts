import { BlackstartError } from "../../base/error.ts";
import type { Finding } from "../../finding/finding.ts";
import { credentialsOf } from "../../drivers/postgres/connection.ts";
import { aimedAt, type Conninfo, parseConninfo } from "../../drivers/postgres/conninfo.ts";
import type { Instance } from "../../drivers/postgres/instance.ts";
import { nodeOf } from "../../system/names.ts";
import { type ClusterFacts, nodeFacts } from "../cluster-facts.ts";
import type { MitigationContext } from "../context.ts";
import type { Pair } from "../following.ts";
import { loginOf } from "../steps/replication-conninfo.ts";
import { rewindAddress, sessions } from "../steps/servers.ts";

type Found = Omit<Finding, "seenAt">;

/**
 * The logins that a new primary has to grant: each node replicates from any other as it would after a failover to that
 * one, and can be rewound to it. Tried from the machine of the node, as the account of its server, through libpq.
 */
export async function probeWays(context: MitigationContext, facts: ClusterFacts): Promise<readonly Found[]> {
  const answering = facts.nodes.filter((one) => one.observation !== undefined).map(({ node }) => node);
  const all = await Promise.all(
    facts.nodes.map(async ({ node }) => {
      const instance = await instanceOf(context, facts.cluster, node);
      // What is wrong with its directory, the probe of the host says.
      const seen = nodeFacts(facts, node);
      if (instance === undefined || seen?.misplaced === true || seen?.instance?.state === "no-data") return [];
      const found: Found[] = [];
      // One after the other: each takes a connection of a server that has few to spare.
      for (const primary of answering.filter((one) => one !== node))
        found.push(...(await probeWay(context, facts, instance, primary)));
      return found;
    }),
  );
  return oncePerReason(all.flat());
}

/** Undefined where its host is not declared or does not answer: the probe of the host says so. */
async function instanceOf(context: MitigationContext, cluster: string, node: string): Promise<Instance | undefined> {
  try {
    return await context.fleet.instance(cluster, node);
  } catch (error) {
    if (error instanceof BlackstartError) return undefined;
    throw error;
  }
}

async function probeWay(
  context: MitigationContext,
  facts: ClusterFacts,
  instance: Instance,
  primary: string,
): Promise<readonly Found[]> {
  const { cluster } = facts;
  const { node } = instance;
  const subject = { kind: "node", name: `${cluster}/${node}` } as const;
  const tried = async (code: string, title: string, work: () => Promise<void>): Promise<readonly Found[]> => {
    try {
      await work();
      return [];
    } catch (error) {
      if (!(error instanceof BlackstartError)) throw error;
      const notTried = error.code === "NOT_POSSIBLE_NOW" || error.code === "UNREACHABLE";
      return [
        {
          code: notTried ? "ready.not-tried" : code,
          severity: notTried ? "info" : "warning",
          subject,
          title: notTried ? `Whether ${node} could log in to the others was not tried: ${error.why}` : title,
          evidence: [{ label: notTried ? "next" : "it says", value: notTried ? error.next : error.why }],
        },
      ];
    }
  };
  const systems = facts.nodes.map((one) => one.observation?.systemIdentifier);
  return [
    ...(await tried(
      "ready.replication-login",
      `${node} could not replicate from ${primary} after a failover to it: it is not let in.`,
      async () => {
        const pair = { cluster, node, primary };
        const { conninfo, said, problem } = await loginOf(context, pair, instance, { upstream: primary });
        if (problem !== undefined) throw problem;
        if (systems.includes(said?.split("|")[0])) return;
        throw new BlackstartError("HOST_COMMAND_FAILED", {
          what: "Another server answers.",
          why: `At ${conninfo.host}:${conninfo.port}, as seen from ${node}, a server of another cluster answers.`,
          next: "Declare `replication:` for that node.",
        });
      },
    )),
    ...((await canBeRewound(instance))
      ? await tried(
          "ready.rewind-login",
          `${node} could not be rewound to ${primary}: pg_rewind would not be let in, or lacks rights there. It would be copied whole.`,
          async () =>
            mayRewind(await instance.tryLogin(await rewindConninfo(context, { cluster, node, primary }), rewindQuery)),
        )
      : []),
  ];
}

/** Where its control file cannot be read, the probe of the host says so. */
async function canBeRewound(instance: Instance): Promise<boolean> {
  try {
    return (await instance.lacksForRewind()) === undefined;
  } catch (error) {
    if (error instanceof BlackstartError) return false;
    throw error;
  }
}

async function rewindConninfo(context: MitigationContext, { cluster, node, primary }: Pair): Promise<Conninfo> {
  const credentials = await sessions(context).use(cluster, primary, async (connection) => credentialsOf(connection));
  const address = rewindAddress(context, cluster, primary, node);
  const url = parseConninfo(nodeOf(context.system, cluster, primary).url);
  return { dbname: "postgres", ...credentials, ...(address === undefined ? url : aimedAt(url, address)) };
}

/** The functions that pg_rewind calls (documentation of pg_rewind, “Notes”). */
const rewindQuery = `
select coalesce(string_agg(f, ', ') filter (where not has_function_privilege(f, 'execute')), '') from unnest(array[
  'pg_catalog.pg_ls_dir(text,boolean,boolean)', 'pg_catalog.pg_stat_file(text,boolean)',
  'pg_catalog.pg_read_binary_file(text)', 'pg_catalog.pg_read_binary_file(text,bigint,bigint,boolean)']) f`;

function mayRewind(missing: string): void {
  if (missing === "") return;
  throw new BlackstartError("HOST_COMMAND_FAILED", {
    what: "pg_rewind lacks rights.",
    why: `It may not execute ${missing}.`,
    next: "Grant execute on these functions, or give the node a superuser's `url`.",
  });
}

/** The same of one node to several others is one finding. */
function oncePerReason(found: readonly Found[]): readonly Found[] {
  return [...new Map(found.map((one) => [JSON.stringify([one.code, one.subject, one.title]), one])).values()];
}
