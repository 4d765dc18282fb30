import type { OutageName } from "../recipe.ts";

/** Cells that fail today, and of which kind the fault is. Whoever puts it right takes the line out. */
const knownFaults: Readonly<Record<string, string>> = {};

/** The outages of which an animal has been seen to recover; of the others nothing is known yet. */
const settled: Readonly<Record<string, readonly OutageName[]>> = {
  plain: ["failover", "switchover", "restart", "restart-primary", "rejoin", "degrade-synchronous", "demote"],
  "no-names": ["failover", "switchover", "restart", "restart-primary", "rejoin", "degrade-synchronous"],
  "cluster-names": ["failover", "switchover", "restart", "restart-primary", "rejoin"],
  "any-one": ["failover", "restart", "restart-primary", "rejoin"],
  "any-two": ["restart", "restart-primary", "degrade-synchronous"],
  asynchronous: ["restart", "restart-primary"],
  cascade: ["failover", "switchover"],
  delayed: ["failover", "switchover", "restart", "rejoin"],
  paused: ["failover", "switchover"],
  "archive-only": ["failover", "switchover"],
  branched: ["failover", "switchover"],
  "no-slots": ["switchover"],
  slots: ["switchover"],
  astray: ["switchover"],
  "debian-layout": ["failover", "switchover", "restart", "restart-primary", "rejoin", "degrade-synchronous"],
  "tls-only": ["switchover"],
  passfile: ["failover", "switchover", "restart", "restart-primary", "rejoin", "degrade-synchronous"],
  disks: ["switchover", "restart-primary"],
  mounted: ["switchover"],
  containers: ["restart"],
};

/** Why a cell may still fail; undefined where it must not. */
export function todoOf(animal: string, outage: OutageName): string | undefined {
  const known = knownFaults[`${outage} of ${animal}`];
  return known ?? (settled[animal]?.includes(outage) ? undefined : "not yet seen on a quiet machine");
}
