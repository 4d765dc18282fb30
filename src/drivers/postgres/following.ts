import { readEndpoint } from "./endpoints.ts";
import { compareWalEnds, type WalEnd } from "./history.ts";
import { type Lsn, lsnAhead } from "./lsn.ts";

/*
 * Whether a standby follows its primary. One look cannot tell: a standby that cannot follow connects again every few
 * milliseconds, and shows `streaming` in most looks. So two looks at the standby are compared, with one at the primary
 * between them:
 *
 *   first look at the standby ─► look at the primary ─► second look at the standby
 *
 * What the standby held at its first look, the primary must have had by its own: else the standby is ahead, on a branch of
 * its own. What the primary had at its look, the standby must hold by its second.
 */

/** What one look at a standby tells. Null: our role may not see it. */
export type StandbyLook = Readonly<{
  timelineId: number;
  /** Received, or replayed where that is more. */
  lsn: Lsn;
  replayedLsn: Lsn | null;
  replayPaused: boolean;
  /** recovery_min_apply_delay. */
  applyDelayMs: number;
  /** primary_conninfo is set. */
  wantsStreaming: boolean | null;
  /** restore_command is set. */
  restores: boolean | null;
  /** recovery_target_timeline, which only a restart changes: but for `latest` it stays on one, whatever its primary does. */
  timelineTarget?: string | null;
  /**
   * Its replay waits for its time (recovery_min_apply_delay), or for somebody (pg_wal_replay_pause). Until that is over it
   * asks for no WAL: a receiver that has ended is not started again (xlogrecovery.c, WaitForWALToBecomeAvailable).
   */
  replayWaits?: boolean | null;
  /** `host:port` from which it is to stream. */
  aimedAt?: string | null;
  /** Its WAL receiver; null where none runs. */
  receiver: ReceiverLook | null;
  /** Its line of history and its end on it, where that was asked at this look. */
  end?: WalEnd;
}>;

export type ReceiverLook = Readonly<{
  /** With its start: a process id is used again. */
  pid: number;
  startedAt: string | null;
  status: string | null;
  timelineId: number | null;
  /** It has had a message from its sender; a receiver is `streaming` before it has even connected (walreceiver.c). */
  heard: boolean | null;
}>;

/** `addresses`: to which a standby of this primary may be aimed. */
export type PrimaryLook = Readonly<{ timelineId: number; lsn: Lsn; end?: WalEnd; addresses?: readonly string[] }>;

export type Following =
  | Readonly<{ kind: "follows" }>
  /** It receives, and has not yet reached what the primary had. */
  | Readonly<{ kind: "catching-up"; behindBytes: number }>
  /** It receives all, and replay is paused there (pg_wal_replay_pause). */
  | Readonly<{ kind: "replay-paused" }>
  /** It receives all, and replays with recovery_min_apply_delay. */
  | Readonly<{ kind: "delayed"; delayMs: number }>
  /** It is aimed at the primary, and asks for more WAL only when its replay, which waits, gets to the end of what it holds. */
  | Readonly<{ kind: "asks-later" }>
  /** It receives all, and replay stands still although there is something to replay. */
  | Readonly<{ kind: "replays-nothing"; receivedLsn: Lsn; replayedLsn: Lsn }>
  /** It holds the connection, and nothing comes. */
  | Readonly<{ kind: "receives-nothing"; behindBytes: number }>
  /** It holds WAL that the primary never wrote, and can never follow as it is. */
  | Readonly<{ kind: "diverged"; why: string }>
  /** It holds no connection to a primary: none, or a new one each time. */
  | Readonly<{ kind: "not-connected" }>
  /** It neither streams nor restores: primary_conninfo and restore_command are empty. */
  | Readonly<{ kind: "follows-nobody" }>
  /** It is meant to restore from an archive only. */
  | Readonly<{ kind: "archive-only" }>
  /** Nothing can be told: no look at the primary, or our role may not see enough. */
  | Readonly<{ kind: "unknown" }>;

/** @param primary undefined: it was not looked at in between; then only a broken connection shows. */
export function following(first: StandbyLook, primary: PrimaryLook | undefined, second: StandbyLook): Following {
  const branch = primary && branchOf(first, primary);
  if (branch !== undefined) return { kind: "diverged", why: branch };
  if (second.receiver === null && second.wantsStreaming !== true) {
    if (second.wantsStreaming === null) return { kind: "unknown" };
    return { kind: second.restores === false ? "follows-nobody" : "archive-only" };
  }
  if (asksLater(second, primary)) return { kind: "asks-later" };
  const behindBytes = primary === undefined ? 0 : lsnAhead(primary.lsn, second.lsn);
  // From the archive as well, while no connection lasts.
  if (behindBytes > 0 && lsnAhead(second.lsn, first.lsn) > 0) return { kind: "catching-up", behindBytes };
  if (!isSameReceiver(first.receiver, second.receiver)) return { kind: "not-connected" };
  if (primary === undefined) return { kind: "unknown" };
  if (behindBytes > 0)
    return isConnected(second.receiver) ? { kind: "receives-nothing", behindBytes } : { kind: "not-connected" };
  const timelineId = second.receiver?.timelineId ?? primary.timelineId;
  if (!isConnected(second.receiver) || timelineId !== primary.timelineId) return { kind: "not-connected" };
  return replayOf(first, second);
}

/** It needs nothing done: it follows, or comes nearer, or does by somebody's choice what it does. */
export function keepsUp({ kind }: Following): boolean {
  return kind === "follows" || kind === "catching-up" || isByChoice(kind);
}

function isByChoice(kind: Following["kind"]): boolean {
  return kind === "replay-paused" || kind === "delayed" || kind === "asks-later" || kind === "archive-only";
}

/** What the primary writes gets to it, whether it replays it or not: commits may wait for it. */
export function receives({ kind }: Following): boolean {
  return kind === "follows" || kind === "catching-up" || kind === "replay-paused" || kind === "delayed";
}

/** What a person is told of it, after the name of the standby. */
export function followingText(one: Following): string {
  switch (one.kind) {
    case "follows":
      return "follows";
    case "catching-up":
      return `catches up, and is ${one.behindBytes} bytes behind`;
    case "replay-paused":
      return "receives all, and its replay is paused (pg_wal_replay_resume)";
    case "delayed":
      return `receives all, and replays ${one.delayMs / 1000} s later (recovery_min_apply_delay)`;
    case "asks-later":
      return "replays late, and asks for more WAL only when its replay gets to the end of what it holds";
    case "replays-nothing":
      return `receives all, and has replayed nothing beyond ${one.replayedLsn} although it holds ${one.receivedLsn}`;
    case "receives-nothing":
      return `is connected and receives nothing, though it is ${one.behindBytes} bytes behind`;
    case "diverged":
      return `has diverged: ${one.why}`;
    case "not-connected":
      return "does not stream";
    case "follows-nobody":
      return "follows nobody: its primary_conninfo and its restore_command are empty";
    case "archive-only":
      return "restores from an archive only";
    case "unknown":
      return "cannot be judged: our role may not see enough there";
  }
}

/** Nothing comes to it, or nothing that it could use. A slow or paused replay, and lag, are not meant. */
export function isBroken({ kind }: Following): boolean {
  return kind === "not-connected" || kind === "receives-nothing" || kind === "diverged" || kind === "follows-nobody";
}

/** How the standby has left the primary's line of history; undefined where nothing shows that it has. */
function branchOf(standby: StandbyLook, primary: PrimaryLook): string | undefined {
  const current = endOf(primary);
  const its = heldAcross(endOf(standby), current, standby);
  const compared = compareWalEnds(its, current);
  const onTimeline = `timeline ${its.timelineId}`;
  switch (compared.kind) {
    case "diverged":
      return `it holds ${compared.beyondBytes.a} bytes on ${onTimeline} from beyond ${compared.fork.endLsn}, where it and the primary, on timeline ${current.timelineId}, parted`;
    case "same-line":
      return compared.aheadBytes > 0 ? aheadText(compared.aheadBytes, its) : undefined;
    case "unknown": {
      if (its.timelineId > current.timelineId)
        return `it is on ${onTimeline}, which the primary, on timeline ${current.timelineId}, never was on`;
      const aheadBytes = its.timelineId === current.timelineId ? lsnAhead(its.lsn, current.lsn) : 0;
      return aheadBytes > 0 ? aheadText(aheadBytes, its) : undefined;
    }
  }
}

/**
 * A standby on a timeline that the primary left may hold the beginning of a record that the primary gave up: it cannot
 * replay it, and drops it when it follows, for which only the place of its replay counts (xlogrecovery.c,
 * rescanLatestTimeLine). What it replays late, by somebody's choice, it will have replayed one day.
 */
export function heldAcross(end: WalEnd, primary: WalEnd, look: Omit<StandbyLook, "end">): WalEnd {
  const replaysAll = !look.replayPaused && look.applyDelayMs === 0;
  const isAcross = end.timelineId !== primary.timelineId;
  return isAcross && replaysAll && look.replayedLsn !== null ? { ...end, lsn: look.replayedLsn } : end;
}

function endOf({ end, timelineId, lsn }: Pick<StandbyLook, "end" | "timelineId" | "lsn">): WalEnd {
  return end ?? { timelineId, lsn, ancestors: undefined };
}

function aheadText(bytes: number, { timelineId }: WalEnd): string {
  return `it is ${bytes} bytes ahead of the primary on timeline ${timelineId}`;
}

function isSameReceiver(first: ReceiverLook | null, second: ReceiverLook | null): boolean {
  return first !== null && second !== null && first.pid === second.pid && first.startedAt === second.startedAt;
}

function asksLater({ receiver, replayWaits, aimedAt }: StandbyLook, primary: PrimaryLook | undefined): boolean {
  if (receiver !== null || replayWaits !== true || aimedAt == null) return false;
  return primary?.addresses?.includes(readEndpoint(aimedAt)) === true;
}

/** What may not be seen counts as seen: the same process and the position must do then. */
function isConnected(receiver: ReceiverLook | null): boolean {
  return receiver !== null && (receiver.status ?? "streaming") === "streaming" && receiver.heard !== false;
}

function replayOf(first: StandbyLook, second: StandbyLook): Following {
  if (second.replayPaused) return { kind: "replay-paused" };
  if (second.applyDelayMs > 0) return { kind: "delayed", delayMs: second.applyDelayMs };
  const [before, after] = [first.replayedLsn ?? "0/0", second.replayedLsn ?? "0/0"];
  if (lsnAhead(after, before) > 0 || lsnAhead(after, first.lsn) >= 0) return { kind: "follows" };
  return { kind: "replays-nothing", receivedLsn: second.lsn, replayedLsn: after };
}
