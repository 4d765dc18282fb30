import type { Instant } from "../base/time.ts";

/**
 * A real cluster on this machine, to be broken. Lives in one directory; everything needed to find it again is in its
 * `lab.json`, so that it outlives the process and the terminal that made it.
 */
export interface Lab {
  readonly name: string;
  readonly directory: string;
  readonly nodes: readonly LabNode[];
  /** A blackstart.yaml that describes this lab (hosts `local:`, clients by file, nodes expendable). */
  readonly systemFile: string;
  /** The clients' address file: `host:port` of the primary. */
  readonly addressFile: string;
  node(name: string): LabNode;
  /** Injects a fault; see `faults/`. Answers what was done, and when; returns when it is seen to have taken effect. */
  break(fault: string, target?: string): Promise<{ done: string; at: Instant }>;
  /** Takes a fault back, where that is possible without a recovery. Without a target: on all nodes. */
  heal(fault: string, target?: string): Promise<{ done: string }>;
  /** Ends every process, frees the shared memory, removes the directory. */
  down(): Promise<void>;
}

export type LabNode = Readonly<{
  name: string;
  /** Where clients and other nodes reach it: through the proxy, in a lab that has one. */
  url: string;
  port: number;
  dataDirectory: string;
  /** The role at the beginning. */
  role: "primary" | "synchronous" | "asynchronous";
}>;

export type LabOptions = Readonly<{
  /** Default: a random one. */
  name?: string;
  /** Where labs live. Default: `$BLACKSTART_HOME/labs`. */
  home?: string;
  /** Default: one synchronous and one asynchronous standby. */
  standbys?: readonly ("synchronous" | "asynchronous")[];
  /** A TCP proxy before each node, so that its network can be cut without root. Default: false. */
  proxied?: boolean;
  /** fsync on. Default: true; off is for trials that never look at a power loss. */
  durable?: boolean;
  /** The directory of the server binaries. Default: an installed PostgreSQL, else the npm-shipped one. */
  binaries?: string;
  /** Extra settings for every node. */
  settings?: Readonly<Record<string, string>>;
}>;
