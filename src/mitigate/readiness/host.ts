import { BlackstartError } from "../../base/error.ts";
import type { Evidence, Finding, Severity } from "../../finding/finding.ts";
import { withConnection } from "../../drivers/postgres/connection.ts";
import type { Host } from "../../drivers/host/host.ts";
import type { Instance } from "../../drivers/postgres/instance.ts";
import { nodeOf } from "../../system/names.ts";
import { type ClusterFacts, nodeFacts, primariesOf } from "../cluster-facts.ts";
import type { MitigationContext } from "../context.ts";

type Found = Omit<Finding, "seenAt">;

/**
 * What the handlers do on the machine of a node, tried as far as it can be tried without changing anything: it is found,
 * its server is seen to run, it would start as what it is, the programs are there, and the room to keep its data.
 */
export async function probeHost(
  context: MitigationContext,
  facts: ClusterFacts,
  node: string,
): Promise<readonly Found[]> {
  const declared = nodeOf(context.system, facts.cluster, node);
  const found = (code: string, severity: Severity, title: string, ...evidence: readonly Evidence[]): Found => ({
    code: `ready.${code}`,
    severity,
    subject: { kind: "node", name: `${facts.cluster}/${node}` },
    title,
    evidence,
  });
  if (declared.host === undefined)
    return [
      found(
        "host",
        "warning",
        `${node} has no \`host:\`: it can be neither seen dead, nor fenced, restarted or brought back by Blackstart.`,
      ),
    ];
  try {
    const misplaced = misplacedIn(facts, node);
    if (misplaced !== undefined) return [misplaced];
    const instance = await context.fleet.instance(facts.cluster, node);
    if (nodeFacts(facts, node)?.instance?.state === "no-data")
      return [
        found(
          "host",
          "critical",
          `The data directory ${instance?.dataDirectory} of ${node} does not exist, or holds no database.`,
          {
            label: "next",
            value: `Correct \`data:\` of ${node}; if its disk is lost: \`blackstart mitigate rejoin ${facts.cluster}/${node}\`.`,
          },
        ),
      ];
    if (instance === undefined)
      return [found("host", "critical", `Where the data of ${node} lies is not known: declare \`data:\`.`)];
    const host = context.fleet.host(declared.host);
    const answers = facts.nodes.some((one) => one.node === node && one.observation !== undefined);
    return [
      ...(await probeProcesses(instance, answers, found)),
      ...(await probePrograms(host, instance, declared.binaries, found)),
      ...(await probeRoom(context, facts, host, instance, found)),
    ];
  } catch (error) {
    if (!(error instanceof BlackstartError)) throw error;
    return [
      found(
        "host",
        "critical",
        `The machine of ${node} cannot be worked on: ${error.message}`,
        { label: "why", value: error.why },
        { label: "next", value: error.next },
      ),
    ];
  }
}

/** What is declared leads to another node's directory, or to none: nothing that is seen there is this node's. */
export function misplacedIn(facts: ClusterFacts, node: string): Found | undefined {
  const one = nodeFacts(facts, node);
  if (one?.misplaced !== true) return undefined;
  return {
    code: "ready.host",
    severity: "critical",
    subject: { kind: "node", name: `${facts.cluster}/${node}` },
    title: `The data directory of ${node} is not its own: ${one.hostProblem}.`,
    evidence: [{ label: "next", value: one.hostNext ?? "" }],
  };
}

type FoundOf = (code: string, severity: Severity, title: string, ...evidence: readonly Evidence[]) => Found;

/** A server that answers has to be seen running: else a living primary would be seen dead as well. */
async function probeProcesses(instance: Instance, answers: boolean, found: FoundOf): Promise<readonly Found[]> {
  const { node } = instance;
  const seen = await instance.inspect();
  if (seen.state === "unknown")
    return [found("host", "critical", `Whether ${node} runs cannot be told on its host: ${seen.why}`)];
  if (answers && seen.state !== "running")
    return [
      found(
        "host",
        "critical",
        `${node} answers, and its host does not see it run (${seen.state}): \`host:\` or \`data:\` is wrong.`,
        { label: "data directory", value: instance.dataDirectory },
      ),
    ];
  const next = await instance.nextStart();
  const isStandby = seen.standbySignal;
  if (next.unread !== undefined)
    return [
      found(
        "starts-as",
        "critical",
        `Whether ${node} would stay a standby when it is started as one is not known: its configuration cannot be read on its host.`,
        { label: "why", value: `${next.unread.message} ${next.unread.why}` },
      ),
    ];
  if (next.leftovers.length === 0) return [];
  return [
    found(
      "starts-as",
      isStandby ? "critical" : "warning",
      `${node} would not stay a standby when it is started as one: ${next.leftovers.map(({ setting, value, where }) => `${setting} = ${value} (${where})`).join(", ")}.`,
    ),
  ];
}

const programsScript = `
for program in pg_basebackup pg_rewind psql; do
  [ -x "$1/$program" ] || command -v "$program" >/dev/null 2>&1 || echo "$program"
done
exit 0
`;

async function probePrograms(
  host: Host,
  instance: Instance,
  declared: string | undefined,
  found: FoundOf,
): Promise<readonly Found[]> {
  // Finds its own programs, or says where it has looked.
  const lacks = await instance.lacksForRewind();
  const { stdout } = await host.run({ script: programsScript, args: [declared ?? ""], timeoutMs: 5000 });
  const missing = stdout.trim() === "" ? [] : stdout.trim().split("\n");
  return [
    ...(lacks === undefined
      ? []
      : [
          found(
            "rewind",
            "info",
            `${instance.node} cannot be rewound: ${lacks}. After a divergence it is copied whole.`,
          ),
        ]),
    ...(missing.includes("pg_basebackup")
      ? [
          found(
            "programs",
            "warning",
            `pg_basebackup was not found for ${instance.node}: it can be copied only from a server on the same machine.`,
          ),
        ]
      : []),
  ];
}

const roomScript = `
cd "$(dirname "$1")" || exit 1
df -Pk . | tail -n 1 | { read -r _ _ _ free _; echo "$free"; }
`;

/** Before a rewind all of it is kept, before a clone a second one is made: either needs its size once more. */
async function probeRoom(
  context: MitigationContext,
  facts: ClusterFacts,
  host: Host,
  instance: Instance,
  found: FoundOf,
): Promise<readonly Found[]> {
  const primary = primariesOf(facts)[0];
  if (primary === undefined) return [];
  const { url } = nodeOf(context.system, facts.cluster, primary.node);
  const [size] = await withConnection(url, {}, (connection) =>
    connection.query<{ bytes: string }>("select sum(pg_database_size(oid))::text as bytes from pg_database"),
  );
  const needed = Number(size?.bytes ?? 0);
  const { code, stdout, stderr } = await host.run({
    script: roomScript,
    args: [instance.dataDirectory],
    timeoutMs: 5000,
  });
  if (code !== 0)
    return [found("room", "warning", `How much room is free for ${instance.node} cannot be told: ${stderr.trim()}`)];
  const free = Number.parseInt(stdout, 10) * 1024;
  if (free > needed * 1.05) return [];
  return [
    found(
      "room",
      "warning",
      `There is no room beside the data of ${instance.node} to keep it or to copy it anew: a rejoin after a divergence would stop.`,
      { label: "free", value: `${Math.round(free / 1_048_576)} MiB` },
      { label: "databases of the primary", value: `${Math.round(needed / 1_048_576)} MiB` },
    ),
  ];
}
