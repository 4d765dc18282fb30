import type { RoleNow } from "../../../lab/lab.ts";
import type { NodeAtRest, Rest } from "../../trial/rest.ts";
import { nodeKey } from "./state.ts";

/**
 * One fault that is done, or taken back. `on` as in a scenario; undefined: on every node where there is something to mend. `as`:
 * what that node was when it was hit.
 */
export type Step = Readonly<{ kind: "break" | "heal"; fault: string; on?: string; as?: RoleNow }>;

/** The clusters in which the lab itself is asked. */
export type LiveManager = "streaming" | "patroni";

type Condition = "well" | "down" | "silent" | "cut" | "black-hole" | "other";

type Explored = Readonly<{
  fault: string;
  managers: readonly LiveManager[];
  needsProxy: boolean;
  /** What a node is then, unless somebody mends it: by this the heal is found. */
  leaves: Condition;
  done: string;
  undone: string;
}>;

const everywhere: readonly LiveManager[] = ["streaming", "patroni"];

/**
 * What is tried on each node. With nobody beside it a server that is killed and a machine that is switched off are the same;
 * beside Patroni they are not: Patroni starts the server again.
 */
const table: readonly Explored[] = [
  {
    fault: "power-off",
    managers: ["patroni"],
    needsProxy: false,
    leaves: "down",
    done: "is switched off",
    undone: "is switched on again",
  },
  {
    fault: "kill",
    managers: everywhere,
    needsProxy: false,
    leaves: "down",
    done: "is killed",
    undone: "is started again",
  },
  { fault: "stop", managers: everywhere, needsProxy: false, leaves: "silent", done: "hangs", undone: "goes on" },
  {
    fault: "cut",
    managers: everywhere,
    needsProxy: true,
    leaves: "cut",
    done: "is cut off",
    undone: "can be reached again",
  },
  {
    fault: "black-hole",
    managers: everywhere,
    needsProxy: true,
    leaves: "black-hole",
    done: "is in a black hole",
    undone: "is out of the black hole",
  },
];

export type Tried = Readonly<{ manager: LiveManager; proxied: boolean }>;

/**
 * What may happen next: everything to a node that is well, and to one that is not only that it is mended. Of nodes that are
 * alike one stands for all. Pure.
 */
export function stepsFrom(rest: Rest, tried: Tried): readonly Step[] {
  const seen = new Set<string>();
  return rest.nodes.flatMap((node) => {
    const key = nodeKey(node, tried.manager);
    if (seen.has(key)) return [];
    seen.add(key);
    return stepsOn(node, tried);
  });
}

/** Every step that there can be, for the scenario that all trials are part of. Pure. */
export function allSteps(nodes: readonly string[], tried: Tried): readonly Step[] {
  const faults = triedFaults(tried);
  const places = tried.manager === "patroni" ? Object.keys(rolesInWords) : nodes;
  return [
    ...places.flatMap((on) => faults.map(({ fault }): Step => ({ kind: "break", fault, on }))),
    ...faults.flatMap(({ fault }): readonly Step[] =>
      tried.manager === "patroni" ? [{ kind: "heal", fault }] : nodes.map((on) => ({ kind: "heal", fault, on })),
    ),
  ];
}

/** `pg1 hangs`, `the primary is switched off` */
export function stepText({ kind, fault, on }: Step): string {
  const words = table.find((each) => each.fault === fault);
  const who = on === undefined ? `whoever ${words?.done}` : (rolesInWords[on] ?? on);
  return `${who} ${(kind === "break" ? words?.done : words?.undone) ?? `${kind} ${fault}`}`;
}

export function sequenceText(steps: readonly Step[]): string {
  return steps.length === 0 ? "none: the cluster is like this from the beginning" : steps.map(stepText).join(", then ");
}

function stepsOn(node: NodeAtRest, tried: Tried): readonly Step[] {
  const faults = triedFaults(tried);
  const condition = conditionOf(node);
  const on = placeOf(node, tried.manager);
  if (condition === "well")
    return on === undefined ? [] : faults.map(({ fault }): Step => ({ kind: "break", fault, on, as: node.role }));
  const mended = faults.find(({ leaves }) => leaves === condition);
  if (mended === undefined) return [];
  return [{ kind: "heal", fault: mended.fault, ...(tried.manager === "patroni" ? {} : { on: node.name }) }];
}

const rolesInWords: Readonly<Record<string, string>> = {
  "one-primary": "the primary",
  "one-synchronous": "a synchronous standby",
  "one-asynchronous": "an asynchronous standby",
};

/**
 * How a node is named so that the same is meant in every trial. Patroni chooses anew each time who of the standbys is
 * synchronous: there it is the role that counts.
 */
function placeOf({ name, role }: NodeAtRest, manager: LiveManager): string | undefined {
  if (manager !== "patroni") return name;
  const place = `one-${role}`;
  return place in rolesInWords ? place : undefined;
}

function triedFaults({ manager, proxied }: Tried): readonly Explored[] {
  return table.filter(({ managers, needsProxy }) => managers.includes(manager) && (proxied || !needsProxy));
}

function conditionOf({ role, network }: NodeAtRest): Condition {
  if (network !== undefined) return network === "cut" || network === "black-hole" ? network : "other";
  return role === "down" || role === "silent" ? role : "well";
}
