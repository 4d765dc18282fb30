import { childrenOf, type Element } from "../../../drivers/pacemaker/element-tree.ts";
import { roleText, scoreText } from "./normal.ts";

/**
 * A constraint as it means, whatever it is called. `members`: whom it is about, in the order that matters; `strength`:
 * its score or kind, with what else changes its meaning. `elements` are those of Pacemaker's own XML that say it, so that
 * it can be made anew.
 */
export type Constraint = Readonly<{
  kind: "colocation" | "order" | "location" | "ticket";
  members: string;
  strength: string;
  elements: readonly Element[];
  /** The two members of a colocation or an order of two, each with its role or action. */
  pair?: readonly [string, string];
}>;

/** All constraints of a configuration. Pure. */
export function constraintsOf(configuration: Element | undefined): readonly Constraint[] {
  return childrenOf(configuration, "constraints")
    .flatMap(({ children }) => children)
    .flatMap((element): readonly Constraint[] => {
      switch (element.name) {
        case "rsc_colocation":
          return [colocation(element)];
        case "rsc_order":
          return [order(element)];
        case "rsc_location":
          return location(element);
        case "rsc_ticket":
          return [ticket(element)];
        default:
          return [];
      }
    });
}

/** The dependent is named first: it is put where the other is, not the other way round. */
function colocation(element: Element): Constraint {
  const { attributes } = element;
  const score = scoreText(attributes.score, "INFINITY");
  const strength = withExtras(score, {
    influence: attributes.influence,
    "by node attribute": attributes["node-attribute"],
  });
  const elements = [element];
  const sets = childrenOf(element, "resource_set");
  if (sets.length > 0) return { kind: "colocation", members: sets.map(setText).join(" with "), strength, elements };
  const pair = [
    member(attributes.rsc, roleText(attributes["rsc-role"])),
    member(attributes["with-rsc"], roleText(attributes["with-rsc-role"])),
  ] as const;
  return { kind: "colocation", members: `${pair[0]} with ${pair[1]}`, strength, elements, pair };
}

/** Without a kind the score decides, as in version 1.1: 0 is Optional. */
function order(element: Element): Constraint {
  const { attributes } = element;
  const kind = attributes.kind ?? (attributes.score === "0" ? "Optional" : "Mandatory");
  const symmetrical = attributes.symmetrical ?? (kind === "Serialize" ? "false" : "true");
  const firstAction = attributes["first-action"] ?? "start";
  const thenAction = attributes["then-action"] ?? firstAction;
  const strength = withExtras(kind, {
    symmetrical: symmetrical === "true" ? undefined : "false",
    "require-all": attributes["require-all"] === "false" ? "false" : undefined,
  });
  const elements = [element];
  const sets = childrenOf(element, "resource_set");
  if (sets.length > 0) return { kind: "order", members: sets.map(setText).join(" then "), strength, elements };
  const pair = [member(attributes.first, firstAction), member(attributes.then, thenAction)] as const;
  return { kind: "order", members: `${pair[0]} then ${pair[1]}`, strength, elements, pair };
}

/** One for a node, or one for each of its rules. */
function location(element: Element): readonly Constraint[] {
  const { attributes } = element;
  const who = attributes.rsc ?? attributes["rsc-pattern"] ?? childrenOf(element, "resource_set").map(setText).join(" ");
  const about = member(who, roleText(attributes.role));
  const discovery = attributes["resource-discovery"];
  const elements = [element];
  const rules = childrenOf(element, "rule");
  if (rules.length === 0) {
    const score = scoreText(attributes.score);
    const strength = withExtras(score, { "resource-discovery": discovery });
    return [{ kind: "location", members: `${about} on ${attributes.node ?? "?"}`, strength, elements }];
  }
  return rules.map((rule) => {
    const byAttribute = rule.attributes["score-attribute"];
    const score = byAttribute === undefined ? scoreText(rule.attributes.score) : `as ${byAttribute}`;
    const role = roleText(rule.attributes.role);
    const members = `${role === undefined ? about : member(who, role)} where ${ruleText(rule)}`;
    return { kind: "location", members, strength: withExtras(score, { "resource-discovery": discovery }), elements };
  });
}

function ticket(element: Element): Constraint {
  const { attributes } = element;
  const who = member(attributes.rsc, roleText(attributes["rsc-role"]));
  return {
    kind: "ticket",
    members: `${who} needs ${attributes.ticket}`,
    strength: attributes["loss-policy"] ?? "stop",
    elements: [element],
  };
}

/** `#uname eq pg3`, `a and (b or c)`, as crm writes it. */
export function ruleText(rule: Element): string {
  const parts = rule.children.map((part) => {
    const { operation = "", attribute = "", value, start, end } = part.attributes;
    switch (part.name) {
      case "expression":
        return [attribute, operation, value].filter(Boolean).join(" ");
      case "date_expression":
        return ["date", operation, start, end, ...part.children.flatMap(({ attributes }) => dateText(attributes))]
          .filter(Boolean)
          .join(" ");
      case "rule":
        return `(${ruleText(part)})`;
      default:
        return [part.name, ...dateText(part.attributes)].join(" ");
    }
  });
  return parts.join(` ${rule.attributes["boolean-op"] ?? "and"} `);
}

function dateText({ id: _id, ...attributes }: Readonly<Record<string, string>>): string[] {
  return Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
}

/** `[a b]`: one after the other; `(a b)`: in any order; with its role or action. */
function setText(set: Element): string {
  const members = childrenOf(set, "resource_ref").map(({ attributes }) => attributes.id ?? "?");
  const isSequential = set.attributes.sequential !== "false";
  const text = isSequential ? `[${members.join(" ")}]` : `(${members.toSorted().join(" ")})`;
  const requireAll = set.attributes["require-all"] === "false" ? ":any" : "";
  return `${member(text, roleText(set.attributes.role) ?? set.attributes.action)}${requireAll}`;
}

function member(name = "?", suffix: string | undefined): string {
  return suffix === undefined || suffix === "start" ? name : `${name}:${suffix}`;
}

function withExtras(strength: string, extras: Readonly<Record<string, string | undefined>>): string {
  const said = Object.entries(extras).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  return [strength, ...said].join(", ");
}
