import type { Document, Element } from "@xmldom/xmldom";
import { BlackstartError, messageOf } from "../../base/error.ts";
import { timeMs } from "./time-units.ts";
import { type Constraint, constraintsOf } from "./constraints.ts";
import { childOf, childrenOf, descendantsOf, escaped, parseXml, xmlText } from "./xml.ts";

export type CibNode = Readonly<{ id: string; name: string; attributes: ReadonlyMap<string, string> }>;

export type Primitive = Readonly<{
  id: string;
  agent: Readonly<{ standard: string; provider: string | undefined; type: string }>;
  parameters: ReadonlyMap<string, string>;
  monitors: readonly Readonly<{ role: "Started" | "Promoted"; intervalMs: number }>[];
  /** The clone that it is an instance of. */
  clone: string | undefined;
  promotable: boolean;
  group: string | undefined;
}>;

/**
 * The cluster information base: the configuration and the last known state of a Pacemaker cluster. Not changed once
 * read; an edit (`edit.ts`) makes another one.
 */
export type Cib = Readonly<{
  document: Document;
  /** The text of the CIB with this for its status section. */
  withStatus(options: Readonly<{ status: string; quorum: boolean }>): string;
  /** The version that the cluster runs, `2.1.5-a3f44794f94`, where it has said so. */
  clusterVersion: string | undefined;
  nodes: readonly CibNode[];
  primitives: readonly Primitive[];
  constraints: readonly Constraint[];
  hasStatus: boolean;
  /** Of each node, besides the promotion scores and the fail counts: `pingd`, `standby` and their like. */
  transientAttributes: ReadonlyMap<string, readonly (readonly [name: string, value: string])[]>;
  promotionScores: ReadonlyMap<string, ReadonlyMap<string, string>>;
  failCounts: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /**
   * What the scheduler compares to see whether an operation was done with the parameters of now (`operationKey`); without
   * them it would restart everything.
   */
  digests: ReadonlyMap<string, string>;
}>;

/** Of a globally unique clone all instances have the same. */
export function operationKey(resource: string, operation: string, intervalMs: number): string {
  return `${resource.replace(/:\d+$/, "")} ${operation} ${intervalMs}`;
}

/** The primitive that the scheduler speaks of as `Postgresql:1`. */
export function primitiveNamed({ primitives }: Pick<Cib, "primitives">, name: string): Primitive | undefined {
  const withoutNumber = name.replace(/:\d+$/, "");
  return primitives.find(({ id }) => id === name) ?? primitives.find(({ id }) => id === withoutNumber);
}

/**
 * @param text XML that `crm_simulate` has accepted and brought to its own schema
 * @throws CIB_INVALID where it is no XML, or has what cannot be searched (bundles, remote nodes)
 */
export function readCib(text: string): Cib {
  const document = parsed(text);
  const root = document.documentElement ?? undefined;
  const configuration = childOf(root, "configuration");
  if (root?.tagName !== "cib" || configuration === undefined) throw noCib(root?.tagName);
  refuseWhatIsNotModelled(configuration);
  const nodes = nodesOf(configuration);
  const states = childrenOf(childOf(root, "status"), "node_state");
  const attributes = new Map(states.map((state) => [state.getAttribute("uname") ?? "", transientOf(state)]));
  const pick = (wanted: (name: string) => string | undefined) =>
    new Map(
      [...attributes].map(([node, pairs]) => [
        node,
        new Map(
          pairs.flatMap(([name, value]) => {
            const resource = wanted(name);
            return resource === undefined ? [] : [[resource, value] as const];
          }),
        ),
      ]),
    );
  return {
    document,
    withStatus: statusWriter(document),
    clusterVersion: pairsIn(childOf(configuration, "crm_config"), "cluster_property_set").get("dc-version"),
    nodes,
    primitives: primitivesOf(configuration, nodes.length),
    constraints: constraintsOf(childOf(configuration, "constraints")),
    hasStatus: states.length > 0,
    transientAttributes: new Map(
      [...attributes].map(([node, pairs]) => [
        node,
        pairs.filter(([name]) => promotionScoreOf(name) === undefined && failureOf(name) === undefined),
      ]),
    ),
    promotionScores: pick(promotionScoreOf),
    failCounts: pick((name) => (name.startsWith("fail-count-") ? failureOf(name) : undefined)),
    digests: new Map(),
  };
}

/** `master-Postgresql` is the promotion score of Postgresql. */
export function promotionScoreOf(attribute: string): string | undefined {
  return /^master-([^:]+)(?::\d+)?$/.exec(attribute)?.[1];
}

/** Of the operations that a CIB's status holds. */
export function digestsIn(text: string): ReadonlyMap<string, string> {
  const resources = descendantsOf(parsed(text).documentElement ?? undefined, "lrm_resource");
  return new Map(
    resources.flatMap((resource) =>
      childrenOf(resource, "lrm_rsc_op").map((operation) => {
        const name = resource.getAttribute("id") ?? "";
        const intervalMs = Number(operation.getAttribute("interval"));
        const key = operationKey(name, operation.getAttribute("operation") ?? "", intervalMs);
        return [key, operation.getAttribute("op-digest") ?? ""] as const;
      }),
    ),
  );
}

function failureOf(attribute: string): string | undefined {
  return /^(?:fail-count|last-failure)-([^#:]+)/.exec(attribute)?.[1];
}

function parsed(text: string): Document {
  try {
    return parseXml(text);
  } catch (error) {
    throw new BlackstartError("CIB_INVALID", {
      what: "The file is no well-formed XML.",
      why: messageOf(error),
      next: "Take it with `cibadmin --query > cib.xml`, or give the text of `crm configure show`.",
      cause: error,
    });
  }
}

function noCib(found: string | undefined): BlackstartError {
  return new BlackstartError("CIB_INVALID", {
    what: "The file holds no CIB.",
    why: `Its outermost element is <${found ?? "?"}>, not <cib> with a <configuration>.`,
    next: "Take it with `cibadmin --query > cib.xml`.",
  });
}

function refuseWhatIsNotModelled(configuration: Element): void {
  const bundle = descendantsOf(configuration, "bundle")[0];
  const remote = descendantsOf(configuration, "primitive").find(
    (primitive) =>
      primitive.getAttribute("type") === "remote" ||
      descendantsOf(primitive, "nvpair").some((pair) => pair.getAttribute("name") === "remote-node"),
  );
  const found = bundle ?? remote;
  if (found === undefined) return;
  throw new BlackstartError("CIB_INVALID", {
    what: `The cluster has ${bundle === undefined ? "a remote node" : "a bundle"}: ${found.getAttribute("id")}.`,
    why: "Nodes that are resources themselves are not modelled; what would be found would not be what happens.",
    next: "Take it out of a copy of the CIB, with the constraints that name it, if the primary does not depend on it.",
  });
}

function nodesOf(configuration: Element): readonly CibNode[] {
  return childrenOf(childOf(configuration, "nodes"), "node").map((node) => ({
    id: node.getAttribute("id") ?? "",
    name: node.getAttribute("uname") ?? "",
    attributes: pairsIn(node, "instance_attributes"),
  }));
}

function primitivesOf(configuration: Element, nodes: number): readonly Primitive[] {
  const resources = childOf(configuration, "resources");
  const templates = new Map(childrenOf(resources, "template").map((each) => [each.getAttribute("id") ?? "", each]));
  return descendantsOf(resources, "primitive").flatMap((primitive) => {
    const template = templates.get(primitive.getAttribute("template") ?? "");
    const attribute = (name: string) => primitive.getAttribute(name) ?? template?.getAttribute(name) ?? undefined;
    const clone = ancestor(primitive, "clone", "master");
    return instancesOf(primitive, clone, nodes).map((id) => ({
      id,
      agent: { standard: attribute("class") ?? "", provider: attribute("provider"), type: attribute("type") ?? "" },
      parameters: new Map([...pairsIn(template, "instance_attributes"), ...pairsIn(primitive, "instance_attributes")]),
      monitors: [...monitorsOf(primitive), ...monitorsOf(template)],
      clone: clone?.getAttribute("id") ?? undefined,
      promotable: clone !== undefined && isPromotable(clone),
      group: ancestor(primitive, "group")?.getAttribute("id") ?? undefined,
    }));
  });
}

/** Those of a globally unique clone have numbers that mean something; those of others only tell a log's lines apart. */
function instancesOf(primitive: Element, clone: Element | undefined, nodes: number): readonly string[] {
  const id = primitive.getAttribute("id") ?? "";
  const meta = pairsIn(clone, "meta_attributes");
  if (!isTrue(meta.get("globally-unique"))) return [id];
  return Array.from({ length: Number(meta.get("clone-max") ?? nodes) }, (_, index) => `${id}:${index}`);
}

function isTrue(value: string | undefined): boolean {
  return /^(true|yes|on|y|1)$/i.test(value ?? "");
}

/** `<master>` is how Pacemaker 1.1 wrote a promotable clone. */
function isPromotable(clone: Element): boolean {
  if (clone.tagName === "master") return true;
  return isTrue(pairsIn(clone, "meta_attributes").get("promotable"));
}

function ancestor(element: Element, ...names: readonly string[]): Element | undefined {
  const parent = element.parentNode as Element | null;
  if (parent === null || parent.nodeType !== 1) return undefined;
  return names.includes(parent.tagName) ? parent : ancestor(parent, ...names);
}

function pairsIn(element: Element | undefined, set: string): ReadonlyMap<string, string> {
  return new Map(
    childrenOf(element, set).flatMap((attributes) =>
      descendantsOf(attributes, "nvpair").map(
        (pair) => [pair.getAttribute("name") ?? "", pair.getAttribute("value") ?? ""] as const,
      ),
    ),
  );
}

function monitorsOf(element: Element | undefined): Primitive["monitors"] {
  return childrenOf(childOf(element, "operations"), "op")
    .filter((operation) => operation.getAttribute("name") === "monitor")
    .map((operation) => ({
      role: /^(master|promoted)$/i.test(operation.getAttribute("role") ?? "")
        ? ("Promoted" as const)
        : ("Started" as const),
      intervalMs: intervalMsOf(operation.getAttribute("interval") ?? "0"),
    }))
    .filter(({ intervalMs }) => intervalMs > 0);
}

/** `2s`, `10`, `500ms`, `1min`; what is written otherwise (ISO 8601) counts as a minute: only that it recurs matters. */
function intervalMsOf(text: string): number {
  return timeMs(text) ?? 60_000;
}

function transientOf(state: Element): readonly (readonly [string, string])[] {
  return descendantsOf(childOf(state, "transient_attributes"), "nvpair").map(
    (pair) => [pair.getAttribute("name") ?? "", pair.getAttribute("value") ?? ""] as const,
  );
}

/**
 * The configuration is written once, each state's status put in. It was validated when it was read and is not again for
 * every state, which would cost most of a question.
 */
function statusWriter(document: Document): Cib["withStatus"] {
  const root = document.documentElement;
  const configuration = childOf(root ?? undefined, "configuration");
  const body = xmlText(configuration as unknown as Document);
  const kept = ["admin_epoch", "epoch", "num_updates", "dc-uuid", "crm_feature_set"].map(
    (name) => `${name}="${escaped(root?.getAttribute(name) ?? "0")}"`,
  );
  return ({ status, quorum }) =>
    `<cib ${kept.join(" ")} validate-with="none" have-quorum="${quorum ? 1 : 0}">${body}${status}</cib>`;
}
