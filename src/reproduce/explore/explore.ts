import { BlackstartError } from "../../base/error.ts";
import type { Cib } from "../../drivers/pacemaker/cib.ts";
import { nodeOf, type Place, resourceOf, type Role } from "../../drivers/pacemaker/cluster-status.ts";
import type { CrmSimulate } from "../../drivers/pacemaker/crm-simulate.ts";
import { infinity, scoreOf } from "../../drivers/pacemaker/score.ts";
import { findTogether, type Together } from "./apart.ts";
import {
  type BlockedGroup,
  findBlocked,
  findWithoutCandidate,
  groupByCause,
  type WithoutCandidate,
} from "./blocking.ts";
import type { Change } from "./changes.ts";
import type { Fault } from "./faults.ts";
import { findRepairs, type RepairOptions, repairsAll, type Repairs } from "./repair.ts";
import { type Exploration, replay, search } from "./search.ts";
import { createSettler, type Settler } from "./settle.ts";
import { healthyStart, startOf } from "./start.ts";
import { clonesOf, type Model, type Scheduler, type State } from "./state.ts";

export type BlockedFinding = Readonly<{
  group: BlockedGroup;
  /** The shortest sequence, each transition carried out by `crm_simulate` itself, ends without a primary again. */
  confirmed: boolean;
  repairs: Repairs;
}>;

export type Report = Readonly<{
  /** Pacemaker's version here, by which was searched, and the cluster's own. */
  version: string;
  clusterVersion: string | undefined;
  cib: Cib;
  /** Where the search began. */
  initial: State;
  nodes: readonly string[];
  clones: readonly string[];
  /** The primitives that can be promoted. */
  promotables: readonly string[];
  assumed: readonly string[];
  /** Different states at rest. */
  states: number;
  /** States that the scheduler was asked about, and how long the search for them took. */
  asked: number;
  seconds: number;
  complete: boolean;
  restless: Exploration["restless"];
  blocked: readonly BlockedFinding[];
  together: readonly Together[];
  without: readonly WithoutCandidate[];
  /** With the first repair of every finding made, nothing blocks; undefined where a finding has none. */
  repairedTogether: boolean | undefined;
}>;

export type ExploreOptions = Readonly<{
  crm: CrmSimulate;
  /** The CIB as XML, and what to call it in messages. */
  text: string;
  name: string;
  faultsMax: number;
  statesMax: number;
  signal?: AbortSignal | undefined;
  progress: (line: Progress) => void;
}>;

export type Progress =
  | Readonly<{ kind: "searching"; states: number; faults: number; asked: number; seconds: number }>
  | Readonly<{ kind: "repairing"; change: Change }>
  /** The scheduler's log is not understood: a process for each state. */
  | Readonly<{ kind: "one-by-one"; version: string }>;

/**
 * Searches all states that at most k faults lead to for those without a primary where one could be, and for the change
 * of the configuration under which there are none. Pacemaker's scheduler is asked, no cluster is touched.
 * @throws CIB_INVALID where nothing in the CIB can be promoted, or the scheduler rejects it
 */
export async function explore(options: ExploreOptions): Promise<Report> {
  const { crm, faultsMax, statesMax, signal } = options;
  const version = await crm.version();
  const { cib, now, isBatched } = await crm.read(options.text, options.name);
  if (!isBatched) options.progress({ kind: "one-by-one", version });
  const start = startOf(cib, now);
  const { model } = start;
  if (model.promotables.length === 0) throw nothingToPromote(options.name);
  const startedMs = performance.now();
  let asked = 0;
  const scheduler: Scheduler = async (configuration, states) => {
    asked += states.length;
    return crm.decide(configuration, states);
  };
  const settler = createSettler(model, scheduler);
  const initial = start.isGiven ? start.state : await healthyStart(settler, start);
  const seconds = () => (performance.now() - startedMs) / 1000;
  const exploration = await search({
    ...{ settler, initial, faultsMax, statesMax, signal },
    progress: (states, faults) => options.progress({ kind: "searching", states, faults, asked, seconds: seconds() }),
  });
  const searched = { asked, seconds: seconds() };
  const { complete } = exploration;
  const report = {
    version,
    clusterVersion: cib.clusterVersion,
    cib,
    initial,
    nodes: cib.nodes.map(({ name }) => name),
    clones: clonesOf(model),
    promotables: model.promotables.map(({ id }) => id),
    ...{
      assumed: start.isGiven ? start.assumed : [...start.assumed, beginningText(model, initial)],
      ...searched,
      restless: exploration.restless,
      states: exploration.reached.length,
    },
    together: findTogether(model, exploration.reached),
  };
  const trial = {
    settler,
    scheduler,
    initial,
    faultsMax,
    statesMax,
    signal,
    groups: [],
    restless: exploration.restless,
    largestScore: 0,
  };
  const judged = await judge(options, trial, exploration);
  return { ...report, ...judged, complete: complete && judged.complete };
}

/** Where the scheduler has put everything, which need not be where the CIB's cluster has it. */
function beginningText({ promotables }: Model, { roles }: State): string {
  const isShown = (place: Place, role: Role) =>
    role === "Promoted" || !promotables.some(({ id }) => id === resourceOf(place));
  const shown = [...roles].filter(([place, role]) => isShown(place, role));
  const texts = shown.map(([place, role]) => `${resourceOf(place)} ${role.toLowerCase()} on ${nodeOf(place)}`);
  return `The search begins with ${texts.join(", ")}.`;
}

type Judged = Pick<Report, "blocked" | "without" | "repairedTogether" | "complete">;

async function judge(options: ExploreOptions, trial: RepairOptions, exploration: Exploration): Promise<Judged> {
  const { settler, scheduler } = trial;
  const found: BlockedFinding[] = [];
  let without: readonly WithoutCandidate[] = [];
  try {
    const blocked = await findBlocked(settler, scheduler, exploration.reached);
    without = findWithoutCandidate(settler.model, exploration.reached, blocked);
    const groups = await groupByCause(settler, scheduler, blocked);
    // What is known already is told also when the rest is cut short.
    for (const group of groups) found.push({ group, confirmed: false, repairs: { sufficient: [], insufficient: [] } });
    const trying = (change: Change) => options.progress({ kind: "repairing", change });
    const all = { ...trial, groups, largestScore: largestScoreIn(exploration), trying };
    for (const [index, group] of groups.entries()) {
      const confirmed = await confirm(options.crm, settler.model, trial.initial, group);
      found[index] = { group, confirmed, repairs: { sufficient: [], insufficient: [] } };
      found[index] = { group, confirmed, repairs: await findRepairs(all, group) };
    }
    return { blocked: found, without, repairedTogether: await together(all, found), complete: true };
  } catch (error) {
    if (options.signal?.aborted !== true) throw error;
    return { blocked: found, without, repairedTogether: undefined, complete: false };
  }
}

async function together(options: RepairOptions, found: readonly BlockedFinding[]): Promise<boolean | undefined> {
  const changes = found.flatMap(({ repairs }) => repairs.sufficient[0]?.change ?? []);
  if (changes.length < found.length) return undefined;
  // One repair has been searched on its own already.
  return found.length === 1 ? true : repairsAll(options, changes);
}

/** The search's own steps are not believed for the finding that is shown: the sequence is gone through the plain way. */
async function confirm(crm: CrmSimulate, model: Model, initial: State, group: BlockedGroup): Promise<boolean> {
  const plain: Scheduler = async (cib, states) => {
    const decisions = [];
    for (const state of states) decisions.push(await crm.transition(cib, state));
    return decisions;
  };
  const settler: Settler = createSettler(model, plain);
  const faults: readonly Fault[] = group.states[0]?.faults ?? [];
  const [state] = await replay(settler, initial, [faults]);
  if (state === undefined) return false;
  return (await findBlocked(settler, plain, [{ state, faults }])).some(({ clone }) => clone === group.clone);
}

function largestScoreIn({ reached }: Exploration): number {
  const scores = new Set(reached.flatMap(({ state }) => [...state.scores.values()]));
  return Math.max(0, ...[...scores].map((score) => scoreOf(score) ?? 0).filter((score) => score < infinity));
}

function nothingToPromote(name: string): BlackstartError {
  return new BlackstartError("CIB_INVALID", {
    what: `Nothing in ${name} can be promoted.`,
    why: "It has no clone with promotable=true (or <master>, as Pacemaker 1.1 wrote it), so there is no failover to search.",
    next: "Give the CIB of the cluster that runs the database.",
  });
}
