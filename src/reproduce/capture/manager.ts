import type { Json } from "../../base/json.ts";
import { BlackstartError, messageOf } from "../../base/error.ts";
import type { Fleet } from "../../drivers/fleet.ts";
import { type Missing, orMissing } from "../../drivers/missing.ts";
import { askPacemaker, type PacemakerConfiguration } from "../../drivers/pacemaker/configuration.ts";
import { parseCorosync } from "../../drivers/pacemaker/corosync.ts";
import { askPatroni, type Mapping, type PatroniConfiguration } from "../../drivers/patroni/configuration.ts";
import { hostAndPort } from "../../system/address.ts";
import type { Cluster } from "../../system/schema.ts";
import type { AskedNode } from "./capture.ts";
import type { Capture, CapturedNode } from "./schema.ts";
import { cibWithoutSecrets, treeWithoutSecrets } from "./secrets.ts";

/** What the cluster's manager says of itself, without secrets. */
export type ManagerAnswers = Readonly<{
  captured: Pick<Capture, "patroni" | "pacemaker">;
  members: ReadonlyMap<string, NonNullable<CapturedNode["patroni"]>>;
  missing: readonly (Missing & { node?: string })[];
}>;

export async function askManager(fleet: Fleet, cluster: Cluster, asked: readonly AskedNode[]): Promise<ManagerAnswers> {
  switch (cluster.manager) {
    case "none":
      return { captured: {}, members: new Map(), missing: [] };
    case "patroni":
      return askPatronis(fleet, asked);
    case "pacemaker":
      return askMembers(fleet, asked);
  }
}

async function askPatronis(fleet: Fleet, asked: readonly AskedNode[]): Promise<ManagerAnswers> {
  const answers = await Promise.all(
    asked.map(async ({ node, url, declared: { host }, dataDirectory }) => ({
      node,
      answer: await askPatroni({
        host: host === undefined ? undefined : fleet.host(host),
        address: hostAndPort(url)?.host,
        dataDirectory,
      }),
    })),
  );
  // The store is one: what one member says of it is true of all.
  const dynamic = answers.find(({ answer }) => answer.dynamic !== undefined)?.answer.dynamic;
  const isNeeded = ({ what }: Missing) => dynamic === undefined || !what.endsWith("/config");
  return {
    captured: dynamic === undefined ? {} : { patroni: shownTree(dynamic) },
    members: new Map(answers.map(({ node, answer }) => [node, member(answer)])),
    missing: answers.flatMap(({ node, answer }) => answer.missing.filter(isNeeded).map((one) => ({ node, ...one }))),
  };
}

function member({ version, local }: PatroniConfiguration): NonNullable<CapturedNode["patroni"]> {
  return { ...(version === undefined ? {} : { version }), ...(local === undefined ? {} : { local: shownTree(local) }) };
}

/** Whole parts that hold names of roles and databases; the rules that are in force are among the node's `access`. */
const namesOfPeople: ReadonlySet<string> = new Set(["pg_hba", "pg_ident", "users"]);

function shownTree(tree: Mapping): Record<string, Json> {
  const pruned = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const kept = Object.entries(value).filter(([name]) => !namesOfPeople.has(name));
    return Object.fromEntries(kept.map(([name, item]) => [name, pruned(item)]));
  };
  return treeWithoutSecrets(pruned(tree)) as Record<string, Json>;
}

/** Any member knows the whole; they are asked one after the other until one does. */
async function askMembers(fleet: Fleet, asked: readonly AskedNode[]): Promise<ManagerAnswers> {
  const missing: (Missing & { node?: string })[] = [];
  const none = { captured: {}, members: new Map() };
  const hosts = asked.flatMap(({ node, declared: { host } }) => (host === undefined ? [] : [{ node, host }]));
  if (hosts.length === 0)
    return { ...none, missing: [{ what: "Pacemaker", why: "No node has a `host` in the system file." }] };
  for (const { node, host } of hosts) {
    const answer = await askPacemaker(fleet.host(host));
    missing.push(...answer.missing.map((one) => ({ node, ...one })));
    if (answer.cib === undefined) continue;
    const unread: Missing[] = [];
    const captured = await shownPacemaker(answer, unread);
    const own = answer.missing.map((one) => ({ node, ...one }));
    return { captured: { pacemaker: captured }, members: new Map(), missing: [...own, ...unread] };
  }
  return { ...none, missing };
}

async function shownPacemaker(answer: PacemakerConfiguration, unread: Missing[]) {
  const { version, corosyncVersion, corosync } = answer;
  const cib = await orMissing(unread, "Pacemaker's configuration", async () => shownCib(answer.cib ?? ""));
  return {
    ...(version === undefined ? {} : { version }),
    ...(corosyncVersion === undefined ? {} : { corosyncVersion }),
    ...(corosync === undefined ? {} : { corosync: shownTree(parseCorosync(corosync)) }),
    ...(cib === undefined ? {} : { cib }),
  };
}

function shownCib(xml: string): string {
  try {
    return cibWithoutSecrets(xml);
  } catch (error) {
    throw new BlackstartError("HOST_COMMAND_FAILED", {
      what: "The cluster information base could not be read.",
      why: messageOf(error),
      next: "See what `cibadmin --query` prints there.",
    });
  }
}
