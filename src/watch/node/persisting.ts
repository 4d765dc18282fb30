import { type Following, isBroken } from "../../drivers/postgres/following.ts";
import { lsnAhead } from "../../drivers/postgres/lsn.ts";
import { stallOf } from "../../drivers/postgres/synchronous-wait.ts";
import type { Moment, Persisting, Pulse } from "../facts.ts";

/**
 * What has been true since when, one pulse further. Pure: the thresholds are applied where findings are made.
 * @param following as far as it can be told now; what cannot be told now stays as it was
 */
export function persisting(
  before: Persisting,
  previous: Pulse | undefined,
  pulse: Pulse,
  following: Following,
  now: Moment,
): Persisting {
  const keep = (isSo: boolean, since: Moment | undefined): Moment | undefined => (isSo ? (since ?? now) : undefined);
  const states = {
    notFollowing: following.kind === "unknown" ? before.notFollowing : keep(isBroken(following), before.notFollowing),
    replayPaused: keep(pulse.replayPaused, before.replayPaused),
    replayStuck: keep(isReplayStuck(previous, pulse), before.replayStuck),
    synchronousStalled: keep(
      previous !== undefined && stallOf(previous, pulse) !== undefined,
      before.synchronousStalled,
    ),
  };
  return Object.fromEntries(Object.entries(states).filter(([, since]) => since !== undefined));
}

/** Whether it has the role, and streams from where it did. */
export function isAimedAs(before: Pulse | undefined, pulse: Pulse): boolean {
  const { role, aimedAt, wantsStreaming } = pulse;
  return before?.role === role && before.aimedAt === aimedAt && before.wantsStreaming === wantsStreaming;
}

function isReplayStuck(previous: Pulse | undefined, pulse: Pulse): boolean {
  if (pulse.role !== "standby" || pulse.replayPaused || pulse.replayedLsn === null) return false;
  if (pulse.applyDelayMs > 0) return false;
  return previous?.replayedLsn === pulse.replayedLsn && lsnAhead(pulse.lsn, pulse.replayedLsn) > 0;
}
