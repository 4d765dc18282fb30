import type { ProcessIdentity } from "../processes.ts";
import type { LabRecord, NodeRecord } from "../record.ts";

/** Something that breaks, as it breaks in production. One small file each. */
export interface Fault {
  readonly name: string;
  /** What is then the case, in one sentence. */
  readonly description: string;
  /** Which nodes it breaks when none is named, by the roles they have now. */
  targets(lab: LabRecord): readonly NodeRecord[] | Promise<readonly NodeRecord[]>;
  /** Breaks it; answers in words what was done. */
  inject(lab: LabRecord, nodes: readonly NodeRecord[]): Promise<string>;
  /**
   * Looks at the world, not at what `inject` did. `before`: the servers' processes before it, because a manager may have
   * started others since.
   */
  tookEffect(
    lab: LabRecord,
    nodes: readonly NodeRecord[],
    before: readonly ProcessIdentity[],
  ): boolean | Promise<boolean>;
  /** Takes it back, where that is possible without a recovery; answers in words what was done. */
  heal?(lab: LabRecord, nodes: readonly NodeRecord[]): Promise<string>;
}
