import { messageOf } from "../../../base/error.ts";
import { type Element, parseTree } from "../../../drivers/pacemaker/element-tree.ts";
import type { Subject, Unranked } from "../subject.ts";
import type { Constraint } from "./constraints.ts";
import { type CibItem, type CibSubject, cibItems } from "./items.ts";
import { type Names, nodesIn, pairResources, renamed } from "./rename.ts";

/**
 * What two configurations of Pacemaker mean differently. Ids, the order of entries and the spelling do not matter;
 * resources and nodes that are called otherwise on the right are paired first.
 * @param names the nodes, from their names on the right to those on the left
 * Pure.
 */
export function compareCibs(
  left: string | undefined,
  right: string | undefined,
  names: Names,
  notCompared: (why: string) => void,
): readonly Unranked[] {
  const [ours, theirs] = [read(left, notCompared), read(right, notCompared)];
  if (ours === undefined || theirs === undefined) {
    if (ours !== theirs) notCompared("Pacemaker's configuration: not captured on one side.");
    return [];
  }
  const nodes = names.size > 0 ? names : pairedByOrder(nodesIn(ours), nodesIn(theirs));
  const resources = pairResources(ours, theirs);
  for (const [other, one] of resources)
    notCompared(`The names of the resources ${one} and ${other}: taken for the same one.`);
  const found = differences(gathered(cibItems(ours)), gathered(cibItems(renamed(theirs, resources, nodes))));
  return withTurned(found).map((one) => inNamesOfRight(one, turned(resources), turned(nodes)));
}

function turned(names: Names): Names {
  return new Map([...names].map(([right, left]) => [left, right]));
}

/** What is to be made on the right is made of what is there. */
function inNamesOfRight(difference: Unranked, resources: Names, nodes: Names): Unranked {
  const there = (subject: Subject | undefined): Subject | undefined => {
    if (subject?.kind !== "cib") return subject;
    const { cib } = subject;
    switch (cib.kind) {
      case "constraint": {
        const elements = cib.constraint.elements.map((element) => renamed(element, resources, nodes));
        return { kind: "cib", cib: { ...cib, constraint: { ...cib.constraint, elements } } };
      }
      case "meta":
      case "parameter":
      case "operation":
        return { kind: "cib", cib: { ...cib, resource: resources.get(cib.resource) ?? cib.resource } };
      case "node-attribute":
        return { kind: "cib", cib: { ...cib, node: nodes.get(cib.node) ?? cib.node } };
      default:
        return subject;
    }
  };
  const [leftSubject, rightSubject] = [there(difference.leftSubject), there(difference.rightSubject)];
  return {
    ...difference,
    ...(leftSubject === undefined ? {} : { leftSubject }),
    ...(rightSubject === undefined ? {} : { rightSubject }),
  };
}

function read(cib: string | undefined, notCompared: (why: string) => void): Element | undefined {
  if (cib === undefined) return undefined;
  try {
    return parseTree(cib);
  } catch (error) {
    notCompared(`A CIB that is no XML: ${messageOf(error)}`);
    return undefined;
  }
}

/** Without anything else to go by. Nodes that are called alike stay as they are. */
function pairedByOrder(ours: readonly string[], theirs: readonly string[]): Names {
  const free = ours.filter((name) => !theirs.includes(name)).sort();
  const others = theirs.filter((name) => !ours.includes(name)).sort();
  return new Map(free.length === others.length ? others.map((name, index) => [name, free[index] as string]) : []);
}

/** Two rules about the same members are one entry with both strengths. */
function gathered(items: readonly CibItem[]): ReadonlyMap<string, CibItem> {
  const found = new Map<string, CibItem>();
  for (const item of items) {
    const before = found.get(item.where);
    const value = before === undefined ? item.value : [...new Set([before.value, item.value])].sort().join(" and ");
    found.set(item.where, { ...item, value, subject: together(before?.subject, item.subject) });
  }
  return found;
}

function together(one: CibSubject | undefined, other: CibSubject): CibSubject {
  if (one?.kind !== "constraint" || other.kind !== "constraint") return other;
  const elements = [...new Set([...one.constraint.elements, ...other.constraint.elements])];
  return { ...other, constraint: { ...other.constraint, elements } };
}

type Entries = ReadonlyMap<string, CibItem>;

function differences(ours: Entries, theirs: Entries): readonly Unranked[] {
  return [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter((where) => !passing.test(where))
    .flatMap((where) => {
      const [one, other] = [ours.get(where), theirs.get(where)];
      if (one?.value === other?.value) return [];
      const item = one ?? other;
      if (item === undefined || isPlace(item)) return [];
      return [
        {
          where,
          left: one?.value ?? null,
          right: other?.value ?? null,
          subject: { kind: "cib" as const, cib: item.subject },
          ...(one === undefined ? {} : { leftSubject: { kind: "cib" as const, cib: one.subject } }),
          ...(other === undefined ? {} : { rightSubject: { kind: "cib" as const, cib: other.subject } }),
        },
      ];
    });
}

/** Written by the cluster itself, as it runs. */
const passing = /^property (last-lrm-refresh|have-watchdog|cluster-name|dc-version|cib-bootstrap)/;

/** Parameters that say where, not how. */
function isPlace({ subject }: CibItem): boolean {
  return (
    subject.kind === "parameter" &&
    /^(ip|nic|cidr_netmask|broadcast|iflabel|pgctl|psql|pgdata|pgdba|pgport|pghost|config|socketdir|bindir|datadir|logfile|tmpdir|node_list|master_ip|ipaddr|ipport|login|pcmk_host_list|pcmk_host_map|device|directory|patroni_.*|.*_dir|.*_path)$/.test(
      subject.name,
    )
  );
}

/**
 * A colocation (or an order) that one side has the one way and the other the other way round: the same members, another
 * meaning. It is told as one.
 */
function withTurned(found: readonly Unranked[]): readonly Unranked[] {
  const constraintIn = (one: Unranked, side: "left" | "right"): Constraint | undefined => {
    const subject = side === "left" ? one.leftSubject : one.rightSubject;
    const isOnly = side === "left" ? one.right === null : one.left === null;
    return isOnly && subject?.kind === "cib" && subject.cib.kind === "constraint" ? subject.cib.constraint : undefined;
  };
  const used = new Set<Unranked>();
  const pairs = found.flatMap((one): Unranked[] => {
    const ours = constraintIn(one, "left");
    if (ours?.pair === undefined) return [];
    const [first, second] = ours.pair;
    const other = found.find((candidate) => {
      const theirs = constraintIn(candidate, "right");
      return (
        !used.has(candidate) && theirs?.kind === ours.kind && theirs.pair?.[0] === second && theirs.pair[1] === first
      );
    });
    const theirs = other && constraintIn(other, "right");
    if (other === undefined || theirs === undefined) return [];
    used.add(one).add(other);
    return [
      {
        ...one,
        where: `${ours.kind} of ${[first, second].toSorted().join(" and ")}`,
        left: `${ours.members}, ${ours.strength}`,
        right: `${theirs.members}, ${theirs.strength}`,
        ...(other.rightSubject === undefined ? {} : { rightSubject: other.rightSubject }),
        why:
          ours.kind === "colocation"
            ? "The direction is turned: the one that is named first is placed last, and gives way. Only one of the two ways can keep a primary from being promoted."
            : "The order is turned: what waited for the other now comes first.",
      },
    ];
  });
  return [...pairs, ...found.filter((one) => !used.has(one))];
}
