import type { Clock } from "../base/time.ts";
import type { Host } from "../drivers/host/host.ts";
import type { Connection, ConnectOptions } from "../drivers/postgres/connection.ts";
import type { Instance } from "../drivers/postgres/instance.ts";
import type { System } from "../system/schema.ts";
import type { Timeline } from "../timeline/timeline.ts";

/** What recovery needs of the fleet. */
export type RecoveryFleet = Readonly<{
  connect(cluster: string, node: string, options?: ConnectOptions): Promise<Connection>;
  host(reference: string): Host;
  instance(cluster: string, node: string): Promise<Instance | undefined>;
}>;

export type LookContext = Readonly<{ system: System; fleet: RecoveryFleet; clock?: Clock }>;

export type RecoveryContext = LookContext &
  Readonly<{
    timeline: Timeline;
    /** Where before-images are kept. Default: `blackstartHome()`. */
    home?: string;
  }>;
