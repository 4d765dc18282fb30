import type { Cib } from "../../drivers/pacemaker/cib.ts";
import { resourceOf } from "../../drivers/pacemaker/cluster-status.ts";
import { afterTransition } from "./agent.ts";
import { nodeDown } from "./faults.ts";
import { keyOf, type Model, type Scheduler, type State } from "./state.ts";

/** More transitions in a row than a cluster needs to come to rest; after them it is taken to go round in circles. */
const transitionsMax = 20;

/** Where a state leads when nothing more happens; where it finds no rest, what keeps moving. */
export type Settled = Readonly<{ state: State; atRest: boolean; moving: readonly string[] }>;

/** Lets states settle, and remembers each transition, since many ways lead through the same states. */
export interface Settler {
  readonly model: Model;
  settle(states: readonly State[]): Promise<readonly Settled[]>;
}

export function createSettler(model: Model, scheduler: Scheduler): Settler {
  const nextOf = new Map<string, State>();

  /** One transition for each, the agents' answer included. */
  const advance = async (states: readonly State[]): Promise<void> => {
    const open = new Map(states.map((state) => [keyOf(state), state] as const).filter(([key]) => !nextOf.has(key)));
    if (open.size === 0) return;
    const decisions = await scheduler(model.cib, [...open.values()]);
    [...open].forEach(([key, state], index) => {
      const decision = decisions[index];
      if (decision === undefined) throw new Error("the scheduler answered for fewer states than it was asked for");
      const fenced = [...decision.fenced].filter((node) => state.online.has(node));
      const { roles, failed } = decision;
      const after = fenced.reduce(nodeDown, { ...state, roles, failed } as State);
      nextOf.set(key, afterTransition(model, state, after));
    });
  };

  return {
    model,
    async settle(states) {
      const current = [...states];
      const atRest = current.map(() => false);
      for (let round = 0; round < transitionsMax && atRest.includes(false); round += 1) {
        await advance(current.filter((_, index) => !atRest[index]));
        current.forEach((state, index) => {
          if (atRest[index]) return;
          const key = keyOf(state);
          const next = nextOf.get(key) ?? state;
          atRest[index] = keyOf(next) === key;
          current[index] = next;
        });
      }
      return current.map((state, index) =>
        atRest[index] === true
          ? { state, atRest: true, moving: [] }
          : { state, atRest: false, moving: movingFrom(state, nextOf) },
      );
    },
  };
}

/** The resources that are not always where they were, once around the circle. */
function movingFrom(start: State, nextOf: ReadonlyMap<string, State>): readonly string[] {
  const moving = new Set<string>();
  let state = start;
  for (let step = 0; step < transitionsMax; step += 1) {
    const next = nextOf.get(keyOf(state));
    if (next === undefined) break;
    for (const [place, role] of next.roles) if (state.roles.get(place) !== role) moving.add(resourceOf(place));
    state = next;
  }
  return [...moving].toSorted();
}

/** The same with another configuration. */
export function settlerFor(settler: Settler, cib: Cib, scheduler: Scheduler): Settler {
  return createSettler({ ...settler.model, cib }, scheduler);
}
