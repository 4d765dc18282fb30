import type { Capture, Role } from "../capture/schema.ts";
import { patroniFacts } from "./node-facts.ts";
import type { Fact } from "./subject.ts";
import { leavesOf } from "./tree.ts";

/** What is true of the cluster as a whole; undefined for a part that was not captured. */
export type ClusterFacts = Readonly<{
  manager: readonly Fact[];
  topology: readonly Fact[] | undefined;
  extensions: readonly Fact[] | undefined;
  patroni: readonly Fact[] | undefined;
  pacemaker: readonly Fact[] | undefined;
}>;

/** Pure. */
export function clusterFacts(capture: Capture): ClusterFacts {
  const { extensions, patroni, pacemaker } = capture;
  return {
    manager: [{ where: "manager of failover", value: capture.manager, subject: { kind: "manager" } }],
    topology: isSeen(capture) ? topologyFacts(capture) : undefined,
    extensions: extensions && extensionFacts(extensions),
    patroni: patroni && patroniFacts(patroni, false),
    pacemaker: pacemaker && pacemakerFacts(pacemaker),
  };
}

/** Who streams from whom is known only where every node was asked. */
function isSeen({ nodes }: Capture): boolean {
  const all = Object.values(nodes);
  return all.length > 0 && all.every(({ role, postgres }) => role !== "unknown" && postgres?.timeline !== undefined);
}

const roles: readonly Role[] = ["primary", "synchronous", "asynchronous", "standby", "unknown"];

function topologyFacts({ nodes }: Capture): readonly Fact[] {
  const all = Object.values(nodes);
  const counts = roles.flatMap((role) => {
    const count = all.filter((node) => node.role === role).length;
    return count === 0 ? [] : [`${count} ${role}`];
  });
  const streams = all.flatMap(({ role, postgres }) => {
    const from = postgres?.streamsFrom;
    return from === undefined ? [] : [`${role} from ${nodes[from]?.role ?? "another server"}`];
  });
  const counted = [...Map.groupBy(streams, (one) => one)].map(([text, same]) => `${same.length} ${text}`);
  const primary = all.find(({ role }) => role === "primary")?.postgres?.timeline;
  const behind = all.filter(({ postgres }) => postgres?.timeline !== primary);
  const zones = new Set(all.map(({ zone }) => zone).filter((zone) => zone !== undefined));
  return [
    { where: "nodes", value: counts.join(", "), subject: { kind: "topology", name: "roles" } },
    { where: "streams", value: counted.sort().join("; "), subject: { kind: "topology", name: "streams" } },
    {
      where: "nodes on another timeline than the primary",
      value: String(behind.length),
      subject: { kind: "topology", name: "timelines" },
    },
    ...(zones.size === 0
      ? []
      : [{ where: "zones", value: String(zones.size), subject: { kind: "topology" as const, name: "zones" } }]),
  ];
}

/** Several versions of one stand together. In how many databases each is does not matter. */
function extensionFacts(extensions: NonNullable<Capture["extensions"]>): readonly Fact[] {
  const names = [...new Set(extensions.map(({ name }) => name))];
  return names.map((name) => ({
    where: `extension ${name}`,
    value: extensions
      .filter((one) => one.name === name)
      .map(({ version }) => version)
      .sort()
      .join(", "),
    subject: { kind: "extension", name },
  }));
}

function pacemakerFacts({ version, corosyncVersion, corosync }: NonNullable<Capture["pacemaker"]>): readonly Fact[] {
  const versions = [
    ["Pacemaker", version],
    ["Corosync", corosyncVersion],
  ] as const;
  return [
    ...versions.flatMap(([of, value]) =>
      value === undefined ? [] : [{ where: `version of ${of}`, value, subject: { kind: "version" as const, of } }],
    ),
    ...leavesOf(corosync ?? {}).map(({ path, value }) => ({
      where: `corosync.conf ${path.join(".")}`,
      value,
      subject: { kind: "corosync" as const, path },
    })),
  ];
}
