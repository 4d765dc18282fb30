import { childOf, childrenOf, type Element } from "../../../drivers/pacemaker/element-tree.ts";
import { type Constraint, constraintsOf, ruleText } from "./constraints.ts";
import { nameText, valueText } from "./normal.ts";

/** What an entry of a CIB is about; enough to put it into another cluster. */
export type CibSubject =
  | Readonly<{ kind: "constraint"; constraint: Constraint }>
  | Readonly<{ kind: "property" | "resource-default" | "operation-default"; name: string }>
  | Readonly<{ kind: "meta" | "parameter"; resource: string; name: string }>
  | Readonly<{ kind: "operation"; resource: string; operation: string; role?: string; name: string }>
  | Readonly<{ kind: "resource"; resource: string }>
  | Readonly<{ kind: "node-attribute"; node: string; name: string }>
  | Readonly<{ kind: "fencing-level"; target: string }>;

/** One entry: what it is (`where`, the same for the same thing in two CIBs, whatever the ids are), and its value. */
export type CibItem = Readonly<{ where: string; value: string; subject: CibSubject }>;

/** Everything that a CIB says, normalised, each thing once. Pure. */
export function cibItems(cib: Element): readonly CibItem[] {
  const configuration = childOf(cib, "configuration") ?? cib;
  const known = idsIn(configuration);
  return [
    ...constraintsOf(configuration).map((constraint) => ({
      where: `${constraint.kind} ${constraint.members}`,
      value: constraint.strength,
      subject: { kind: "constraint" as const, constraint },
    })),
    ...propertiesOf(configuration, known),
    ...childrenOf(childOf(configuration, "resources"), ...resourceElements).flatMap((one) =>
      resourceItems(one, [], known),
    ),
    ...nodeItems(configuration, known),
    ...fencingItems(configuration),
  ];
}

type Ids = ReadonlyMap<string, Element>;

const resourceElements = ["primitive", "group", "clone", "master", "bundle", "template"] as const;

function propertiesOf(configuration: Element, known: Ids): readonly CibItem[] {
  const sections = [
    ["crm_config", "cluster_property_set", "property"],
    ["rsc_defaults", "meta_attributes", "resource-default"],
    ["op_defaults", "meta_attributes", "operation-default"],
  ] as const;
  return sections.flatMap(([section, set, kind]) =>
    pairsOf(childOf(configuration, section), set, known).map(({ name, value }) => {
      // Version 1.1 had it among the properties.
      const isOld = kind === "property" && /^default[-_]resource[-_]stickiness$/.test(name);
      const subject = isOld ? { kind: "resource-default" as const, name: "resource-stickiness" } : { kind, name };
      return { where: `${words[subject.kind]} ${subject.name}`, value: valueText(subject.name, value), subject };
    }),
  );
}

const words = {
  property: "property",
  "resource-default": "default of resources:",
  "operation-default": "default of operations:",
} as const;

/** A resource: what it is and in what it is, its attributes, its operations; then those within it. */
function resourceItems(element: Element, within: readonly string[], known: Ids): readonly CibItem[] {
  const resource = element.attributes.id ?? "?";
  const inner = childrenOf(element, ...resourceElements);
  const members = inner.map(({ attributes }) => attributes.id ?? "?");
  const kind = kindOf(element);
  const place = within.length === 0 ? "" : `, in ${within.join(", in ")}`;
  const order = element.name === "group" ? ` of ${members.join(", ")}` : "";
  return [
    { where: `resource ${resource}`, value: `${kind}${order}${place}`, subject: { kind: "resource", resource } },
    ...(["meta", "parameter"] as const).flatMap((kind) =>
      pairsOf(element, kind === "meta" ? "meta_attributes" : "instance_attributes", known)
        // A `master` of version 1.1 is a clone that is promotable.
        .filter(({ name }) => !(kind === "meta" && name === "promotable"))
        .map(({ name, value }) => ({
          where: `${kind === "meta" ? "meta attribute" : "parameter"} ${name} of ${resource}`,
          value: kind === "meta" ? valueText(name, value) : value,
          subject: { kind, resource, name },
        })),
    ),
    ...operationItems(element, resource),
    ...inner.flatMap((one) => resourceItems(one, [resource, ...within], known)),
  ];
}

function kindOf(element: Element): string {
  const { class: family, provider, type, template } = element.attributes;
  const isPromotable =
    element.name === "master" ||
    pairsOf(element, "meta_attributes", new Map()).some(
      ({ name, value }) => name === "promotable" && valueText(name, value) === "true",
    );
  if (element.name === "clone" || element.name === "master") return isPromotable ? "promotable clone" : "clone";
  if (type === undefined) return template === undefined ? element.name : `as template ${template}`;
  return `${element.name === "template" ? "template of " : ""}${[family, provider, type].filter(Boolean).join(":")}`;
}

/** Several monitors of one role are told apart by their intervals. */
function operationItems(element: Element, resource: string): readonly CibItem[] {
  const operations = childrenOf(childOf(element, "operations"), "op").map(({ attributes }) => {
    const {
      id: _id,
      name: operation = "?",
      "id-ref": _ref,
      description: _description,
      role: given,
      ...others
    } = attributes;
    return { operation, role: valueText("role", given ?? ""), others };
  });
  return operations.flatMap(({ operation, role, others }) => {
    const same = operations.filter((one) => one.operation === operation && one.role === role).length > 1;
    const interval = valueText("interval", others.interval ?? "0");
    const { interval: _interval, ...rest } = others;
    const told = `${operation}${role === "Started" ? "" : ` (${role})`}${same ? ` every ${interval}` : ""}`;
    return Object.entries(same ? rest : { ...rest, interval }).map(([name, value]) => ({
      where: `${name} of operation ${told} of ${resource}`,
      value: valueText(name, value),
      subject: { kind: "operation" as const, resource, operation, name, ...(role === "Started" ? {} : { role }) },
    }));
  });
}

/** Permanent attributes of the nodes. What the agent keeps there about the data is a state, no configuration. */
function nodeItems(configuration: Element, known: Ids): readonly CibItem[] {
  return childrenOf(childOf(configuration, "nodes"), "node").flatMap((element) => {
    const node = element.attributes.uname ?? "?";
    return pairsOf(element, "instance_attributes", known)
      .filter(({ name }) => !/-(data-status|xlog-loc|status|baseline|receiver-status)$/.test(name))
      .map(({ name, value }) => ({
        where: `attribute ${name} of node ${node}`,
        value: valueText(name, value),
        subject: { kind: "node-attribute" as const, node, name },
      }));
  });
}

function fencingItems(configuration: Element): readonly CibItem[] {
  return childrenOf(childOf(configuration, "fencing-topology"), "fencing-level").map(({ attributes }) => {
    const target = attributes.target ?? attributes["target-pattern"] ?? attributes["target-value"] ?? "?";
    const where = `fencing level ${attributes.index ?? "?"} of ${target}`;
    return { where, value: attributes.devices ?? "", subject: { kind: "fencing-level" as const, target } };
  });
}

/** The pairs of all sets of a kind; of a set with a rule each name says the rule. */
function pairsOf(element: Element | undefined, set: string, known: Ids): readonly { name: string; value: string }[] {
  return childrenOf(element, set)
    .map((one) => referred(one, known))
    .flatMap((one) => {
      const [rule] = childrenOf(one, "rule");
      return childrenOf(one, "nvpair").map((pair) => {
        const { name = "?", value = "" } = { ...referred(pair, known).attributes };
        return { name: `${nameText(name)}${rule === undefined ? "" : ` where ${ruleText(rule)}`}`, value };
      });
    });
}

function referred(element: Element, known: Ids): Element {
  const reference = element.attributes["id-ref"];
  return (reference === undefined ? undefined : known.get(reference)) ?? element;
}

function idsIn(element: Element, found = new Map<string, Element>()): Ids {
  if (element.attributes.id !== undefined) found.set(element.attributes.id, element);
  for (const child of element.children) idsIn(child, found);
  return found;
}
