import { corruptPage } from "./corrupt-page.ts";
import { diskFailing, diskFull, diskReadOnly, powerLoss } from "./disks.ts";
import { dropTable } from "./drop-table.ts";
import { expireKeys } from "./expire-keys.ts";
import type { Fault } from "./fault.ts";
import { halfTransfer } from "./half-transfer.ts";
import { blackHole, cut, slow } from "./network.ts";
import { powerOff } from "./power-off.ts";
import { presets } from "./presets.ts";
import { abort, kill, stop, terminate } from "./signal-faults.ts";
import { sql } from "./sql.ts";
import { twoPrimaries } from "./two-primaries.ts";
import { walDamage } from "./wal-damage.ts";

/** All faults, in the order in which they are listed to people. */
export const faults: readonly Fault[] = [
  ...presets,
  kill,
  abort,
  terminate,
  stop,
  powerOff,
  powerLoss,
  diskReadOnly,
  diskFailing,
  diskFull,
  cut,
  blackHole,
  slow,
  twoPrimaries,
  corruptPage,
  walDamage,
  dropTable,
  halfTransfer,
  sql,
  expireKeys,
];
