import { systemClock } from "../../../base/time.ts";
import { captureCluster } from "../../../reproduce/capture/capture.ts";
import type { Capture } from "../../../reproduce/capture/schema.ts";
import { clusterNamed } from "../../../system/names.ts";
import type { System } from "../../../system/schema.ts";
import type { CommandContext } from "../../context.ts";

/** Asks a running cluster. @param named `ledger` or `payments/ledger`; may be left out where there is only one */
export async function captureLive(
  { out, environment }: CommandContext,
  system: System,
  named: string | undefined,
): Promise<Capture> {
  const cluster = clusterNamed(
    system,
    named?.startsWith(`${system.system}/`) ? named.slice(system.system.length + 1) : named,
  );
  out.progress(`Asking ${system.system}/${cluster} …`);
  const { PGPASSWORD } = environment;
  return captureCluster({ system, cluster, clock: systemClock, ...(PGPASSWORD ? { secrets: [PGPASSWORD] } : {}) });
}
