import type { Socket } from "node:net";

/** A slow line. `bytesPerSecond` null: as much as there is. */
export type Line = Readonly<{ latencyMs: number; bytesPerSecond: number | null }>;

/**
 * Carries what one end says to the other. Straight; on a slow line each piece arrives when its last byte would, and the
 * end of what is said behind everything that was said before.
 */
export interface Lane {
  push(chunk: Buffer): void;
  end(): void;
  /** The target took what was too much for it. */
  drained(): void;
  /** Nothing is taken in and nothing handed on. */
  hold(): void;
  go(line: Line | undefined): void;
  close(): void;
}

const queuedBytesMax = 4 * 1024 * 1024;
const queuedBytesMin = 16 * 1024;
/** A narrow line delivers in pieces of what it carries in this time, not in the sender's lumps. */
const pieceMs = 50;

export function makeLane(source: Socket, target: () => Socket | undefined): Lane {
  let queue: { piece: Buffer | undefined; dueMs: number }[] = [];
  let queuedBytes = 0;
  let freeAtMs = 0;
  let line: Line | undefined;
  let held = true;
  let full = false;
  let timer: NodeJS.Timeout | undefined;

  const flow = () => {
    if (held || full || queuedBytes > limitOf(line)) source.pause();
    else source.resume();
  };
  const hand = (piece: Buffer | undefined) => {
    if (piece === undefined) target()?.end();
    else if (target()?.write(piece) === false) full = true;
  };
  const enqueue = (piece: Buffer | undefined) => {
    const bytes = piece?.length ?? 0;
    const carryMs = line?.bytesPerSecond == null ? 0 : (bytes / line.bytesPerSecond) * 1000;
    freeAtMs = Math.max(performance.now(), freeAtMs) + carryMs;
    queue.push({ piece, dueMs: freeAtMs + (line?.latencyMs ?? 0) });
    queuedBytes += bytes;
  };
  const deliver = () => {
    clearTimeout(timer);
    while (!held && !full && queue[0] !== undefined && queue[0].dueMs <= performance.now()) {
      const { piece } = queue.shift() as (typeof queue)[number];
      queuedBytes -= piece?.length ?? 0;
      hand(piece);
    }
    if (!held && !full && queue[0] !== undefined)
      timer = setTimeout(deliver, Math.ceil(queue[0].dueMs - performance.now()));
    flow();
  };
  const take = (chunk: Buffer | undefined) => {
    if (line === undefined && queue.length === 0 && !held) hand(chunk);
    else for (const piece of piecesOf(chunk, line)) enqueue(piece);
    deliver();
  };
  return {
    push: take,
    end: () => take(undefined),
    drained() {
      full = false;
      deliver();
    },
    hold() {
      held = true;
      deliver();
    },
    go(wanted) {
      held = false;
      // What is under way on a line that is no longer slow has arrived.
      if (wanted === undefined) queue = queue.map(({ piece }) => ({ piece, dueMs: 0 }));
      line = wanted;
      deliver();
    },
    close() {
      clearTimeout(timer);
      queue = [];
      held = true;
    },
  };
}

function piecesOf(chunk: Buffer | undefined, line: Line | undefined): readonly (Buffer | undefined)[] {
  if (chunk === undefined || line?.bytesPerSecond == null) return [chunk];
  const bytes = Math.max(1, Math.ceil((line.bytesPerSecond * pieceMs) / 1000));
  return Array.from({ length: Math.ceil(chunk.length / bytes) }, (_, index) =>
    chunk.subarray(index * bytes, (index + 1) * bytes),
  );
}

/** What a line holds while it is under way, and no more: behind that the sender waits, as on a real one. */
function limitOf(line: Line | undefined): number {
  if (line?.bytesPerSecond == null) return queuedBytesMax;
  const underWay = (line.bytesPerSecond * (line.latencyMs + pieceMs)) / 1000;
  return Math.min(queuedBytesMax, Math.max(queuedBytesMin, underWay));
}
