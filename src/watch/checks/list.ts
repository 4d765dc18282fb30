import { archiver } from "./archiver.ts";
import { checksums } from "./checksums.ts";
import { collations } from "./collations.ts";
import { connections } from "./connections.ts";
import type { HealthCheck } from "./health-check.ts";
import { indexes } from "./indexes.ts";
import { integers } from "./integers.ts";
import { locks } from "./locks.ts";
import { prepared } from "./prepared.ts";
import { recovery } from "./recovery.ts";
import { settings } from "./settings.ts";
import { slots } from "./slots.ts";
import { transactions } from "./transactions.ts";
import { wraparound } from "./wraparound.ts";

/** Every health check. They run in this order, one at a time. */
export const healthChecks: readonly HealthCheck[] = [
  connections,
  locks,
  slots,
  archiver,
  transactions,
  prepared,
  settings,
  recovery,
  checksums,
  wraparound,
  indexes,
  integers,
  collations,
];
