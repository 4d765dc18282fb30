import { type Element, formatTree } from "../../../drivers/pacemaker/element-tree.ts";
import { shellWord } from "../../shell.ts";
import type { Difference } from "../subject.ts";
import type { CibSubject } from "./items.ts";
import { roleText, scoreText } from "./normal.ts";

/** A difference that cannot be made in a lab, and why not. */
export type NoFactor = Readonly<{ reason: string }>;

/** What the right has not, so that nothing can be said about it there. */
export type Absent = Readonly<{ resources: ReadonlySet<string>; nodes: ReadonlySet<string> }>;

/**
 * The lines that, said to crm one by one, make the right as the left is; or why there are none. Pure.
 * @param id of the constraint that is made
 */
export function crmLines(id: string, difference: Difference, absent: Absent): readonly string[] | NoFactor {
  const { left, leftSubject, rightSubject } = difference;
  const [ours, theirs] = [cibOf(leftSubject), cibOf(rightSubject)];
  const subject = ours ?? theirs;
  if (subject === undefined) return { reason: "it is not known what it is about" };
  const missing = absentOf(subject, absent);
  if (missing !== undefined) return { reason: `the lab has no ${missing}` };
  const words = wordsOf(subject, left);
  if ("reason" in words) return words;
  if (words.length > 0) return said([words]);
  const [made, removed] = [elementsOf(ours), elementsOf(theirs)];
  if ([...made, ...removed].some(({ children }) => children.filter(({ name }) => name === "rule").length > 1))
    return { reason: "it is one of several rules of a location, which crm can only change together" };
  return said([
    ...removed.map(({ attributes }) => ["configure", "delete", attributes.id ?? ""]),
    ...made.map((element, index) => ["configure", "xml", xmlOf(element, index === 0 ? id : `${id}-${index + 1}`)]),
  ]);
}

function cibOf(subject: Difference["leftSubject"]): CibSubject | undefined {
  return subject?.kind === "cib" ? subject.cib : undefined;
}

function elementsOf(subject: CibSubject | undefined): readonly Element[] {
  return subject?.kind === "constraint" ? subject.constraint.elements : [];
}

/** Of a constraint there are none: it is made of XML. crm knows only some of these words with `delete`. */
function wordsOf(subject: CibSubject, left: string | null): readonly string[] | NoFactor {
  if ("name" in subject && / where /.test(subject.name)) return { reason: "it holds only where a rule does" };
  switch (subject.kind) {
    case "constraint":
      return [];
    case "property":
      if (subject.name === "stonith-enabled" && left !== "false")
        return { reason: "a lab has no fence device, and without one Pacemaker would start nothing" };
      return assigned("property", subject.name, left);
    case "resource-default":
      return assigned("rsc_defaults", subject.name, left);
    case "operation-default":
      return assigned("op_defaults", subject.name, left);
    case "meta":
      return ["resource", "meta", subject.resource, ...setOrDeleted(subject.name, left)];
    case "parameter":
      return ["resource", "param", subject.resource, ...setOrDeleted(subject.name, left)];
    case "node-attribute":
      return ["node", "attribute", subject.node, ...setOrDeleted(subject.name, left)];
    case "operation":
      return {
        reason: "crm has no line for one attribute of an operation; change it in the cluster's `configuration`",
      };
    case "resource":
    case "fencing-level":
      return { reason: "it needs the resource itself; add it to the cluster's `configuration`" };
  }
}

function assigned(section: string, name: string, value: string | null): readonly string[] | NoFactor {
  if (value !== null) return ["configure", section, `${name}=${value}`];
  return { reason: "crm can set it and cannot take it away; set it to its default" };
}

function setOrDeleted(name: string, value: string | null): readonly string[] {
  return value === null ? ["delete", name] : ["set", name, value];
}

/** The words go through a shell, and crm then takes them apart as a shell would once more. */
function said(lines: readonly (readonly string[])[]): readonly string[] | NoFactor {
  const words = lines.flat();
  if (words.some((word) => word === "" || word.endsWith("=") || /['\\\n\r]/.test(word)))
    return { reason: "crm's command line does not take this value: it is empty, or has quotes or line breaks in it" };
  return lines.map((line) => line.map(shellWord).join(" "));
}

/** In one line, in today's spelling. Every id is made anew, for the right may have the same for something else. */
function xmlOf(element: Element, id: string): string {
  let count = 0;
  const remade = ({ name, attributes, children }: Element): Element => ({
    name,
    attributes: Object.fromEntries(
      Object.entries(attributes).flatMap(([key, value]): [string, string][] => {
        if (key === "id" && name !== "resource_ref") return [[key, count++ === 0 ? id : `${id}-part-${count}`]];
        if (key === "score") return [[key, scoreText(value)]];
        if (key !== "role" && !key.endsWith("-role")) return [[key, value]];
        const role = roleText(value);
        return role === undefined ? [] : [[key, role]];
      }),
    ),
    children: children.map(remade),
  });
  return formatTree(remade(element)).replace(/>\n */g, ">");
}

function absentOf(subject: CibSubject, { resources, nodes }: Absent): string | undefined {
  if (subject.kind === "node-attribute") return nodes.has(subject.node) ? `node ${subject.node}` : undefined;
  const about =
    subject.kind === "meta" || subject.kind === "parameter" ? [subject.resource] : elementsOf(subject).flatMap(namedIn);
  const absent = about.find((name) => resources.has(name));
  return absent === undefined ? undefined : `resource ${absent}`;
}

function namedIn({ name, attributes, children }: Element): readonly string[] {
  const { rsc, "with-rsc": other, first, then, id } = attributes;
  const own = [rsc, other, first, then, name === "resource_ref" ? id : undefined].filter((one) => one !== undefined);
  return [...own, ...children.flatMap(namedIn)];
}
