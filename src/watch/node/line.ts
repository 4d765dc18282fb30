import { BlackstartError } from "../../base/error.ts";
import { connect } from "../../drivers/postgres/connection.ts";
import type { Ancestor } from "../../drivers/postgres/history.ts";
import { askWalEnd } from "../../drivers/postgres/wal-end.ts";

/** The line of history on which a server is: its timeline, and where that comes from. */
export type Line = Readonly<{ timelineId: number; ancestors: readonly Ancestor[] | undefined }>;

/** Asked by a connection of its own, which the heartbeat does not wait for, and only once for each timeline. */
export interface LineOfHistory {
  /** To be called at each heartbeat. */
  seen(timelineId: number): void;
  /** To be called when a connection was made: what could not be told may be told now. */
  forget(): void;
}

export function createLineOfHistory(url: string, timeoutMs: number, known: (line: Line) => void): LineOfHistory {
  let asked: number | undefined;
  const limits = { timeoutMs, queryTimeoutMs: timeoutMs, applicationName: "blackstart watch" };
  return {
    seen(timelineId) {
      if (asked === timelineId) return;
      asked = timelineId;
      if (timelineId === 1) known({ timelineId, ancestors: [] });
      else
        void askWalEnd((options) => connect(url, options), limits).then(known, (error) => {
          if (!(error instanceof BlackstartError)) throw error;
          // It went away, or may not be asked: then its ancestors stay unknown.
        });
    },
    forget() {
      asked = undefined;
    },
  };
}
