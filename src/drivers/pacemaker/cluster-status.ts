import { type Cib, operationKey, type Primitive } from "./cib.ts";
import { infinity, scoreText } from "./score.ts";
import { escaped } from "./xml.ts";

export type Role = "Started" | "Unpromoted" | "Promoted";

/** `resource@node`; the resource is a primitive, without the number of a clone's instance. */
export type Place = `${string}@${string}`;

/** What the scheduler decides by, besides the configuration. */
export type ClusterStatus = Readonly<{
  online: ReadonlySet<string>;
  /** What runs where; what is not in here is stopped. */
  roles: ReadonlyMap<Place, Role>;
  /** The promotion scores that the agents have set, as text: `100`, `-INFINITY`. */
  scores: ReadonlyMap<Place, string>;
  /** Places whose last monitor found the resource dead, until the cluster has dealt with it. */
  failed: ReadonlySet<Place>;
  failCounts: ReadonlyMap<Place, number>;
}>;

export function placeOf(resource: string, node: string): Place {
  return `${resource}@${node}`;
}

/** Names of resources hold no `@`; those of nodes might. */
export function resourceOf(place: Place): string {
  return place.slice(0, place.indexOf("@"));
}

export function nodeOf(place: Place): string {
  return place.slice(place.indexOf("@") + 1);
}

/**
 * The `<status>` section that a live cluster in this state would hold, as far as the scheduler reads it: the nodes'
 * membership, their transient attributes, and for each resource on each node the last operation and its result.
 */
export function statusXml(cib: Cib, status: ClusterStatus): string {
  return `<status>${cib.nodes
    .map(({ id, name }) => {
      const key = escaped(id);
      const member = status.online.has(name)
        ? 'in_ccm="true" crmd="online" join="member" expected="member"'
        : 'in_ccm="false" crmd="offline" join="down" expected="down"';
      const body = status.online.has(name) ? onlineXml(cib, status, key, name) : "";
      return `<node_state id="${key}" uname="${escaped(name)}" ${member}>${body}</node_state>`;
    })
    .join("")}</status>`;
}

function onlineXml(cib: Cib, status: ClusterStatus, key: string, node: string): string {
  const attributes = attributesOf(cib, status, node).map(
    ([name, value], index) => `<nvpair id="status-${key}-${index}" name="${escaped(name)}" value="${escaped(value)}"/>`,
  );
  const resources = cib.primitives.map((primitive) => resourceXml(cib, primitive, status, placeOf(primitive.id, node)));
  return (
    `<transient_attributes id="${key}"><instance_attributes id="status-${key}">${attributes.join("")}` +
    `</instance_attributes></transient_attributes>` +
    `<lrm id="${key}"><lrm_resources>${resources.join("")}</lrm_resources></lrm>`
  );
}

function attributesOf(cib: Cib, status: ClusterStatus, node: string): readonly (readonly [string, string])[] {
  const attributes: (readonly [string, string])[] = [...(cib.transientAttributes.get(node) ?? [])];
  for (const { id } of cib.primitives) {
    const place = placeOf(id, node);
    const score = status.scores.get(place);
    if (score !== undefined) attributes.push([`master-${id}`, score]);
    const failCount = status.failCounts.get(place);
    if (failCount !== undefined)
      attributes.push([`fail-count-${id}#${failCount >= infinity ? "start_0" : "monitor_0"}`, scoreText(failCount)]);
  }
  return attributes;
}

function resourceXml(cib: Cib, primitive: Primitive, status: ClusterStatus, place: Place): string {
  const { id, agent } = primitive;
  const role = status.roles.get(place);
  const operations = [operationXml(cib, id, lastOperation(role))];
  if (status.failed.has(place)) {
    const intervalMs = monitorFor(primitive, role ?? "Started")?.intervalMs ?? 0;
    const expected = role === "Promoted" ? 8 : 0;
    operations.push(operationXml(cib, id, { task: "monitor", code: 7, call: 9, intervalMs, expected }));
  }
  const provider = agent.provider === undefined ? "" : ` provider="${escaped(agent.provider)}"`;
  return (
    `<lrm_resource id="${escaped(id)}" class="${escaped(agent.standard)}"${provider} type="${escaped(agent.type)}">` +
    `${operations.join("")}</lrm_resource>`
  );
}

/** The recurring monitor that watches the resource in this role; without one Pacemaker never notices its death. */
export function monitorFor(primitive: Primitive, role: Role): Primitive["monitors"][number] | undefined {
  return primitive.monitors.find((monitor) => monitor.role === (role === "Promoted" ? "Promoted" : "Started"));
}

/** `code` is the agent's exit code, as OCF has it, `expected` the one that would have been well, `call` its number. */
type Operation = Readonly<{ task: string; code: number; call: number; intervalMs?: number; expected?: number }>;

function lastOperation(role: Role | undefined): Operation {
  switch (role) {
    case undefined:
      return { task: "monitor", code: 7, call: 1 };
    case "Promoted":
      return { task: "promote", code: 0, call: 3 };
    case "Started":
    case "Unpromoted":
      return { task: "start", code: 0, call: 2 };
  }
}

const transition = "00000000-0000-0000-0000-000000000000";

function operationXml(cib: Cib, id: string, operation: Operation): string {
  const { task, code, call, intervalMs = 0, expected = code } = operation;
  const key = `1:1:${expected}:${transition}`;
  const name = escaped(id);
  const digest = cib.digests.get(operationKey(id, task, intervalMs));
  return (
    `<lrm_rsc_op id="${name}_${code === expected ? "last_0" : "last_failure_0"}" ` +
    `operation_key="${name}_${task}_${intervalMs}" operation="${task}" transition-key="${key}" ` +
    `transition-magic="0:${code};${key}" call-id="${call}" rc-code="${code}" op-status="0" interval="${intervalMs}"` +
    `${digest === undefined ? "" : ` op-digest="${digest}"`}/>`
  );
}
