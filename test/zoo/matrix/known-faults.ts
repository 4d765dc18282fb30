import type { OutageName } from "../recipe.ts";

/** Cells that fail today, and of which kind the fault is. Whoever puts it right takes the line out. */
const knownFaults: Readonly<Record<string, string>> = {};

/** Why a cell may still fail; undefined where it must not. */
export function knownFault(animal: string, outage: OutageName): string | undefined {
  return knownFaults[`${outage} of ${animal}`];
}
