import type { CibSubject } from "./cib/items.ts";

/** What a difference is about; the rank and the factor follow from it. */
export type Subject =
  | Readonly<{ kind: "setting"; name: string }>
  | Readonly<{ kind: "role-setting"; scope: string; name: string }>
  | Readonly<{ kind: "fixed"; name: string }>
  | Readonly<{ kind: "version"; of: "PostgreSQL" | "Patroni" | "Pacemaker" | "Corosync" }>
  | Readonly<{ kind: "build"; name: string }>
  | Readonly<{ kind: "extension"; name: string }>
  | Readonly<{ kind: "databases" }>
  | Readonly<{ kind: "manager" }>
  | Readonly<{ kind: "topology"; name: string }>
  | Readonly<{ kind: "access" }>
  | Readonly<{ kind: "machine"; name: string }>
  | Readonly<{ kind: "mount"; name: string }>
  | Readonly<{ kind: "limit"; name: string }>
  | Readonly<{ kind: "patroni"; path: readonly string[]; ofMember: boolean }>
  | Readonly<{ kind: "corosync"; path: readonly string[] }>
  | Readonly<{ kind: "cib"; cib: CibSubject }>;

/**
 * One thing that a capture says: `where` names it, the same in two captures. Of a list, words with blanks between them,
 * only what the other side has not is a difference.
 */
export type Fact = Readonly<{ where: string; value: string; subject: Subject; isDefault?: boolean; isList?: boolean }>;

/** Two captures say two things. Null: it is not there at all. */
export type Difference = Readonly<{
  where: string;
  left: string | null;
  right: string | null;
  /** 1 is the most likely to matter; see `ranks`. */
  rank: number;
  why: string;
  /** The nodes of the left, where it is not all of them or not about nodes. */
  nodes?: readonly string[];
  subject: Subject;
  /** What stands on each side, in the names of the right, for a machine to make it anew there; the texts are for people. */
  leftSubject?: Subject;
  rightSubject?: Subject;
}>;

/** Before it is known how likely it matters; `why` only where there is more to say than the rank says. */
export type Unranked = Omit<Difference, "rank" | "why"> & Readonly<{ why?: string; onlyDefaults?: boolean }>;
