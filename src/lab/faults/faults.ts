import type { Fault } from "./fault.ts";
import { hang } from "./hang.ts";
import { killEverything } from "./kill-all.ts";
import { killAsynchronous } from "./kill-asynchronous.ts";
import { killPostmaster } from "./kill-postmaster.ts";
import { killPrimary } from "./kill-primary.ts";
import { killSynchronous } from "./kill-synchronous.ts";
import { blackHole, cut } from "./network.ts";
import { powerOff } from "./power-off.ts";
import { twoPrimaries } from "./two-primaries.ts";

/** All faults, in the order in which they are listed to people. */
export const faults: readonly Fault[] = [
  killPrimary,
  powerOff,
  killPostmaster,
  hang,
  cut,
  blackHole,
  killSynchronous,
  killAsynchronous,
  twoPrimaries,
  killEverything,
];
