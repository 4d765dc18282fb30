import { BlackstartError } from "../../base/error.ts";
import { nodeOf, placeOf } from "../../drivers/pacemaker/cluster-status.ts";
import type { CrmSimulate } from "../../drivers/pacemaker/crm-simulate.ts";
import { scoreOf } from "../../drivers/pacemaker/score.ts";
import { cibAfterWords } from "../../drivers/pacemaker/shell-words.ts";
import type { Action } from "../scenario/schema.ts";
import { isPgsql } from "./agent.ts";
import { applyFault, type Fault } from "./faults.ts";
import { createSettler, type Settler } from "./settle.ts";
import { doesCountFailures, startOf } from "./start.ts";
import { clonesOf, keyOf, type Model, placesOf, type Scheduler, type State } from "./state.ts";

/**
 * What Pacemaker's scheduler makes of a story: `works`, something is promoted in the end, and whatever ran in the beginning
 * runs; `down`, nothing is promoted; `unknown`, it does not say, or something happens that it is not asked about.
 */
export type Forecast = "works" | "down" | "unknown";

const notOnPaper: ReadonlySet<string> = new Set(["CIB_INVALID", "PACEMAKER_NOT_UNDERSTOOD"]);

/** A cluster on paper. `hadGap`: at some rest before it had no primary, so its clients may have waited long. */
type Paper = Readonly<{ settler: Settler; state: State; hadGap: boolean }>;

/** All that a story may have led to so far; undefined: it left the paper. */
type Outlook = readonly Paper[] | undefined;

/**
 * Foresees what the actions of a trial lead to, by asking the scheduler instead of a cluster; milliseconds instead of a
 * minute. Of the faults it knows those that decide what the scheduler sees: a node without power, a server whose processes
 * are gone. Where it depends on the moment (a server that recovers before its monitor looks), both are followed.
 * @param text the CIB of a cluster as the trials begin with it, alive: with its status section
 * @throws CIB_INVALID
 */
export async function openForecast(
  crm: CrmSimulate,
  text: string,
  signal: AbortSignal,
): Promise<(actions: readonly Action[]) => Promise<Forecast>> {
  const scheduler: Scheduler = (cib, states) => crm.decide(cib, states);
  const { cib, now } = await crm.read(text, "the lab's CIB");
  const { model, state, isGiven } = startOf(cib, now);
  const begin: Outlook = isGiven
    ? await settled([{ settler: createSettler(model, scheduler), state, hadGap: false }])
    : undefined;
  // Stories share their beginnings, and `crm` takes its time.
  const known = new Map<string, Promise<Outlook>>();
  const edits = new Map<string, Promise<Settler | undefined>>();

  const after = (actions: readonly Action[]): Promise<Outlook> => {
    const last = actions.at(-1);
    if (last === undefined) return Promise.resolve(begin);
    const key = JSON.stringify(actions);
    const found = known.get(key) ?? goOn(actions.slice(0, -1), last);
    known.set(key, found);
    return found;
  };

  const goOn = async (earlier: readonly Action[], last: Action): Promise<Outlook> => {
    const before = await after(earlier);
    return before && next(before, last);
  };

  const next = async (before: readonly Paper[], action: Action): Promise<Outlook> => {
    if (action.archive !== undefined || action.backup !== undefined) return before; // Nothing that Pacemaker sees.
    if (action.manage !== undefined) return told(before, action.manage);
    const papers: Paper[] = [];
    for (const { settler, state: at, hadGap } of before) {
      const ways = waysOf(action, settler.model, at);
      if (ways === undefined) return undefined;
      for (const faults of ways)
        papers.push({
          settler,
          hadGap,
          state: faults.reduce((now, fault) => applyFault(settler.model, now, fault), at),
        });
    }
    // The next one may come before the cluster has done anything about this one, or after.
    const rested = await settled(papers);
    const all = rested && distinct([...papers, ...rested]);
    return all === undefined || all.length === 0 || all.length > papersMax ? undefined : all;
  };

  const told = async (before: readonly Paper[], words: string): Promise<Outlook> => {
    let papers: Outlook = before;
    for (const line of words.split("\n").filter((each) => each.trim() !== "")) {
      const changed: Paper[] = [];
      for (const { settler, state: at, hadGap } of papers ?? []) {
        const key = `${line}\n${crm.textOf(settler.model.cib, at)}`;
        const found = edits.get(key) ?? edited(settler.model, at, line);
        edits.set(key, found);
        const other = await found;
        if (other === undefined) return undefined;
        changed.push({ settler: other, state: at, hadGap });
      }
      papers = await settled(changed);
    }
    return papers;
  };

  const edited = async (model: Model, at: State, line: string): Promise<Settler | undefined> => {
    const text = await cibAfterWords(crm.textOf(model.cib, at), line, signal);
    if (text === undefined) return undefined;
    const other = await crm.read(text, "the lab's CIB, changed").catch((error: unknown) => {
      // What cannot be searched can be tried.
      if (error instanceof BlackstartError && notOnPaper.has(error.code)) return undefined;
      throw error;
    });
    if (other === undefined) return undefined;
    const promotables = other.cib.primitives.filter(({ promotable }) => promotable);
    const countsFailures = doesCountFailures(other.cib);
    return createSettler({ ...model, cib: other.cib, promotables, countsFailures }, scheduler);
  };

  return async (actions) => {
    const reached = await after(actions);
    const outlook = reached && (await settled(reached));
    if (begin === undefined || outlook === undefined) return "unknown";
    if (outlook.every((paper) => !paper.hadGap && hasPrimary(paper) && runsAll(begin, paper.state))) return "works";
    return outlook.every((paper) => !hasPrimary(paper)) ? "down" : "unknown";
  };
}

/** More ways than these are not followed. */
const papersMax = 64;

/** Each at rest; undefined where one finds none. */
async function settled(papers: readonly Paper[]): Promise<Outlook> {
  const ends: Paper[] = [];
  for (const { settler, state, hadGap } of papers) {
    const [end] = await settler.settle([state]);
    if (end === undefined || !end.atRest) return undefined;
    const paper = { settler, state: end.state, hadGap };
    ends.push({ ...paper, hadGap: hadGap || !hasPrimary(paper) });
  }
  return distinct(ends);
}

function distinct(papers: readonly Paper[]): readonly Paper[] {
  const known = new Map<Settler, Set<string>>();
  return papers.filter(({ settler, state, hadGap }) => {
    const keys = known.get(settler) ?? new Set();
    known.set(settler, keys);
    return keys.size < keys.add(`${hadGap} ${keyOf(state)}`).size;
  });
}

/** A dead one keeps its role where the scheduler may not act (`maintenance-mode`, an unmanaged resource). */
function hasPrimary({ settler: { model }, state }: Paper): boolean {
  return clonesOf(model).every((clone) =>
    placesOf(model.cib, state, clone, "Promoted").some((place) => !state.failed.has(place)),
  );
}

/** What runs once ran in the beginning and runs now, wherever: the clients' address, above all. */
function runsAll([begin]: readonly Paper[], end: State): boolean {
  if (begin === undefined || end.failed.size > 0) return false;
  const { cib } = begin.settler.model;
  return cib.primitives.every(
    ({ id }) => placesOf(cib, begin.state, id).length === 0 || placesOf(cib, end, id).length > 0,
  );
}

/** The ways it may go on paper; each a list of faults at one moment. Undefined: not on paper. */
function waysOf(action: Action, model: Model, state: State): readonly (readonly Fault[])[] | undefined {
  if (action.heal === "power-off") {
    const off = model.cib.nodes.map(({ name }) => name).filter((node) => !state.online.has(node));
    const meant = action.on === undefined ? off : off.filter((node) => node === action.on);
    return [meant.map((node) => ({ kind: "node-back", node }) as const)];
  }
  if (action.fault === undefined) return undefined;
  if (action.fault === "power-off") {
    const nodes = nodesMeant(action.on ?? "primary", model, state);
    return nodes && each(nodes, (node) => ({ kind: "node-down", node }));
  }
  const usual = endingFaults[action.fault];
  if (usual === undefined) return undefined;
  const [place, process] = aimOf(action.on ?? usual, state);
  const resource = model.promotables.length === 1 ? model.promotables[0]?.id : undefined;
  const nodes = nodesMeant(place, model, state);
  if (nodes === undefined || resource === undefined) return undefined;
  const dead = each(nodes, (node) => ({ kind: "resource-failed", resource, node }));
  // A server that has lost one of its processes recovers by itself: it depends on whether a monitor looks meanwhile.
  return process === "all" || process === "postmaster" ? dead : [[], ...dead];
}

/** One way; none where there is nobody that it could be done to, for then the trial itself ends there. */
function each(nodes: readonly string[], fault: (node: string) => Fault): readonly (readonly Fault[])[] {
  return nodes.length === 0 ? [] : [nodes.map(fault)];
}

/** Those that end processes, and where they do when nobody says where (`src/lab/faults/`); empty: it must be said. */
const endingFaults: Readonly<Record<string, string>> = {
  kill: "",
  abort: "",
  "kill-primary": "primary.all",
  "kill-postmaster": "primary.postmaster",
  "kill-synchronous": "synchronous.all",
  "kill-asynchronous": "asynchronous.all",
};

/** A node's name may hold dots; behind the last one of anything else stands the process. */
function aimOf(on: string, { online }: State): readonly [place: string, process: string] {
  const dot = on.lastIndexOf(".");
  return dot < 0 || online.has(on) ? [on, "all"] : [on.slice(0, dot), on.slice(dot + 1)];
}

/** Undefined: it cannot be told on paper. */
function nodesMeant(place: string, { cib, promotables }: Model, state: State): readonly string[] | undefined {
  if (state.online.has(place)) return [place];
  const [primitive] = promotables;
  if (primitive === undefined || promotables.length > 1) return undefined;
  const inRole = (role: "Promoted" | "Unpromoted") => placesOf(cib, state, primitive.id, role).map(nodeOf);
  // Whose promotion score allows it is the synchronous one; which the others are, is seen from that.
  const current = inRole("Unpromoted").filter(
    (node) => (scoreOf(state.scores.get(placeOf(primitive.id, node))) ?? -1) >= 0,
  );
  const isSynchronous = isPgsql(primitive) && primitive.parameters.get("rep_mode") === "sync" && current.length === 1;
  switch (place) {
    case "primary":
      return inRole("Promoted");
    case "standby":
      return inRole("Unpromoted");
    case "sync":
    case "synchronous":
      return isSynchronous ? current : undefined;
    case "async":
    case "asynchronous":
      return isSynchronous ? inRole("Unpromoted").filter((node) => !current.includes(node)) : undefined;
    default:
      return undefined;
  }
}
