/** What the timeline asks of its writer, and what the writer answers. Plain data: it crosses to another thread. */
export type Operation = AppendOperation | GrantOperation | RenewOperation | ReleaseOperation;

export type AppendOperation = Readonly<{
  kind: "append";
  stream: string;
  /** -1: any. */
  expected: number;
  /** at, by, kind and data (as JSON text) of one event after the other. */
  fields: readonly string[];
  under?: Readonly<{ name: string; token: number }>;
}>;
export type GrantOperation = Readonly<{ kind: "grant"; name: string; ttlMs: number; holder: string; process: string }>;
export type RenewOperation = Readonly<{ kind: "renew"; name: string; token: number; ttlMs: number }>;
export type ReleaseOperation = Readonly<{ kind: "release"; name: string; token: number }>;

export type Outcome =
  /** Of the first event; the others follow without a gap. */
  | Readonly<{ kind: "appended"; position: number; version: number }>
  | Readonly<{ kind: "conflict"; actual: number }>
  | Readonly<{ kind: "granted"; token: number }>
  | Readonly<{ kind: "held" }>
  | Readonly<{ kind: "renewed" }>
  | Readonly<{ kind: "released" }>
  | Readonly<{ kind: "lost"; why: string }>;

/** Either every operation of a batch has an outcome that is on disk, or the batch failed and nothing of it was written. */
export type BatchReply =
  | Readonly<{ kind: "done"; outcomes: readonly Outcome[] }>
  /** `fatal`: the disk is not to be trusted any more, so the writer writes nothing until it is opened anew. */
  | Readonly<{ kind: "failed"; message: string; errcode: number; fatal: boolean }>;
