import { spawnSync } from "node:child_process";
import { type CrmSimulate, openCrmSimulate } from "../../../src/drivers/pacemaker/crm-simulate.ts";
import { explore, type Report } from "../../../src/reproduce/explore/explore.ts";

/** Why tests that ask Pacemaker's scheduler cannot run here; undefined where they can. */
export const withoutScheduler =
  spawnSync("sh", ["-c", "PATH=$PATH:/usr/sbin command -v crm_simulate"]).status === 0
    ? undefined
    : "crm_simulate is not installed (pacemaker-cli-utils)";

export async function withScheduler<T>(use: (crm: CrmSimulate) => Promise<T>): Promise<T> {
  const crm = await openCrmSimulate({});
  try {
    return await use(crm);
  } finally {
    await crm.close();
  }
}

export async function explored(crm: CrmSimulate, text: string, faultsMax: number): Promise<Report> {
  return explore({ crm, text, name: "cib.xml", faultsMax, statesMax: 20_000, progress: () => undefined });
}

/** Like `pg1 goes down, then …`. */
export function shortestOf(report: Report, index = 0): readonly object[] {
  return report.blocked[index]?.group.states[0]?.faults ?? [];
}
