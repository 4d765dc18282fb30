import type { Capture, CapturedNode, Role } from "../../src/reproduce/capture/schema.ts";

type Settings = Readonly<Record<string, string>>;

/** A server of version 15 with these settings on top of some defaults. */
export function node(role: Role, settings: Settings = {}, more: Partial<CapturedNode> = {}): CapturedNode {
  return {
    role,
    ...more,
    postgres: {
      version: "15.8",
      versionNumber: 150008,
      timeline: 1,
      settings: Object.fromEntries(
        Object.entries(settings).map(([name, value]) => [
          name,
          { value, source: "configuration file", context: "sighup" },
        ]),
      ),
      ...(role === "primary" ? {} : { streamsFrom: "pg1" }),
      ...more.postgres,
    },
  };
}

export const defaults = {
  "150008": {
    fsync: "on",
    synchronous_commit: "on",
    max_connections: "100",
    shared_buffers: "128MB",
    log_min_messages: "warning",
    wal_sender_timeout: "1min",
    jit: "on",
    port: "5432",
  },
};

/** A primary and two standbys. */
export function capture(settings: Settings = {}, more: Partial<Capture> = {}): Capture {
  return {
    blackstart: "capture",
    format: 1,
    capturedAt: "2026-11-20T03:07:12.345Z",
    system: "payments",
    cluster: "ledger",
    manager: "none",
    missing: [],
    nodes: { pg1: node("primary", settings), pg2: node("synchronous", settings), pg3: node("asynchronous", settings) },
    defaults,
    ...more,
  };
}
