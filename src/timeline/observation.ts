/**
 * What was last seen of a cluster while it was well, in the stream `cluster/<name>`: written by the watch whenever it
 * changes, read when the server no longer answers (where is its data directory? which standbys were synchronous?).
 */
export type ObservationEvent = {
  kind: "node.observed";
  data: Readonly<{
    cluster: string;
    node: string;
    role: "primary" | "standby";
    /** As `server_version_num`. */
    version: number;
    systemIdentifier: string;
    timelineId: number;
    /** The timelines from which it comes, oldest first; undefined where they were not seen. */
    ancestors?: readonly Readonly<{ timelineId: number; endLsn: string }>[];
    dataDirectory: string;
    configFile: string;
    synchronousStandbyNames: string;
    /** Undefined where it was not seen: then it is unknown, not on. */
    synchronousCommit?: string;
    /** The name under which it streams, or would once it is a standby; undefined where that was not seen. */
    name?: string;
    /**
     * Who streamed from it. `node`: which node it was, as far as that could be told; empty for a server that the file
     * does not know. `name`: under which name, which another may have borne as well.
     */
    standbys: readonly Readonly<{ node: string; name?: string; address?: string; syncState: string }>[];
  }>;
};
