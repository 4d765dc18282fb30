import { childOf, childrenOf, type Element } from "../../../drivers/pacemaker/element-tree.ts";

/** What is called otherwise on the other side: from its name there to its name here. */
export type Names = ReadonlyMap<string, string>;

/**
 * Which resource of the right is which of the left, where the names differ: the only one of its agent, in the same
 * kind of clone or group, that is without a counterpart on both sides. Pure.
 */
export function pairResources(left: Element, right: Element): Names {
  const ours = resourcesOf(left);
  const theirs = resourcesOf(right);
  const unpaired = (some: Resources, others: Resources) =>
    [...some].filter(([id]) => !others.has(id)).map(([id, signature]) => ({ id, signature }));
  const [free, freed] = [unpaired(ours, theirs), unpaired(theirs, ours)];
  const only = (list: typeof free, signature: string) => {
    const same = list.filter((one) => one.signature === signature);
    return same.length === 1 ? same[0]?.id : undefined;
  };
  return new Map(
    freed.flatMap(({ id, signature }): [string, string][] => {
      const other = only(freed, signature) === id ? only(free, signature) : undefined;
      return other === undefined ? [] : [[id, other]];
    }),
  );
}

type Resources = ReadonlyMap<string, string>;

/** By id: the agent, and in what it is; of a clone or a group what is in it. */
function resourcesOf(cib: Element): Resources {
  const found = new Map<string, string>();
  const walk = (element: Element, within: string): string => {
    const { id, class: family = "", provider = "", type = "" } = element.attributes;
    const inner = element.children.filter((child) => resourceNames.has(child.name));
    const wrapper = element.name === "master" ? "clone" : element.name;
    const contents = inner.map((child) => walk(child, `${within}/${wrapper}`)).join("+");
    const agent = [family, provider, type].filter(Boolean).join(":");
    if (id !== undefined) found.set(id, `${within}/${wrapper} ${agent}${contents}`);
    return `${wrapper} ${agent}${contents}`;
  };
  for (const element of childOf(childOf(cib, "configuration") ?? cib, "resources")?.children ?? []) walk(element, "");
  return found;
}

const resourceNames: ReadonlySet<string> = new Set(["primitive", "group", "clone", "master", "bundle", "template"]);

/** The names of the nodes in a CIB. */
export function nodesIn(cib: Element): readonly string[] {
  const nodes = childOf(childOf(cib, "configuration") ?? cib, "nodes");
  return childrenOf(nodes, "node").flatMap(({ attributes }) =>
    attributes.uname === undefined ? [] : [attributes.uname],
  );
}

/** The same CIB with resources and nodes called as on the left. Pure. */
export function renamed(element: Element, resources: Names, nodes: Names): Element {
  const isResource = resourceNames.has(element.name) || element.name === "resource_ref";
  const attributes = Object.fromEntries(
    Object.entries(element.attributes).map(([name, value]) => {
      if (naming.has(name) || (name === "id" && isResource)) return [name, resources.get(value) ?? value];
      const isNode = name === "node" || name === "uname" || (name === "target" && element.name === "fencing-level");
      const isExpression = name === "value" && element.attributes.attribute === "#uname";
      return [name, isNode || isExpression ? (nodes.get(value) ?? value) : value];
    }),
  );
  return { ...element, attributes, children: element.children.map((child) => renamed(child, resources, nodes)) };
}

const naming: ReadonlySet<string> = new Set(["rsc", "with-rsc", "first", "then", "template"]);
