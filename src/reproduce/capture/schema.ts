import { z } from "zod";
import type { Json } from "../../base/json.ts";

/**
 * A cluster's configuration as it was found, in one file for people and for `blackstart reproduce compare`. What was
 * not found out stands in `missing`. No password, and no name of a database or a role in the access rules, is in it.
 */

const text = z.string();
const texts = z.record(text, text);
const tree = z.record(text, z.json() as z.ZodType<unknown> as z.ZodType<Json>);

const setting = z.strictObject({
  /** With its unit, as SHOW prints it. */
  value: text,
  /** `configuration file`, `command line`, …: pg_settings.source. */
  source: text,
  /** Who may change it and when: pg_settings.context. */
  context: text,
  /** `postgresql.conf:12`: the file's name without its folder. */
  at: text.optional(),
  pendingRestart: z.literal(true).optional(),
});

const accessRule = z.strictObject({
  type: text,
  /** Classes, never names: `all`, `replication`, `named`, `pattern`, `file`, … */
  databases: z.array(text),
  users: z.array(text),
  /** `loopback`, `ipv4/24`, `every ipv4`, `all`, `samenet`, `host name`, …; none for `local`. */
  address: text.optional(),
  method: text,
  /** The names of its options. */
  options: z.array(text).optional(),
  error: z.literal(true).optional(),
});

const postgres = z.strictObject({
  version: text.optional(),
  /** As `server_version_num`. */
  versionNumber: z.int().optional(),
  platform: text.optional(),
  build: texts.optional(),
  /** What was fixed when it was built or initialised: block sizes, checksums. */
  fixed: texts.optional(),
  settings: z.record(text, setting).optional(),
  roleSettings: z.array(z.strictObject({ scope: text, name: text, value: text, count: z.int() })).optional(),
  access: z.array(accessRule).optional(),
  timeline: z.int().optional(),
  /** The node it streams from; its address where that is none of the nodes. */
  streamsFrom: text.optional(),
  standbys: z.array(z.strictObject({ node: text, state: text, syncState: text })).optional(),
  slots: z
    .array(
      z.strictObject({
        name: text,
        kind: text,
        plugin: text.optional(),
        active: z.boolean(),
        lost: z.literal(true).optional(),
      }),
    )
    .optional(),
  databases: z
    .array(
      z.strictObject({
        encoding: text,
        provider: text,
        collate: text,
        ctype: text,
        locale: text.optional(),
        collationVersion: text.optional(),
        actualCollationVersion: text.optional(),
        count: z.int(),
      }),
    )
    .optional(),
  tablespaces: z.int().optional(),
});

const mount = z.strictObject({ kind: text, options: z.array(text) });

const machine = z.strictObject({
  facts: texts,
  mounts: z.strictObject({ data: mount.optional(), wal: mount.optional(), sameDevice: z.boolean().optional() }),
  limits: texts.optional(),
});

const nodeSchema = z.strictObject({
  role: z.enum(["primary", "synchronous", "asynchronous", "standby", "unknown"]),
  zone: text.optional(),
  postgres: postgres.optional(),
  machine: machine.optional(),
  /** This member's patroni.yml. */
  patroni: z.strictObject({ version: text.optional(), local: tree.optional() }).optional(),
});

export const captureSchema = z.strictObject({
  blackstart: z.literal("capture"),
  format: z.literal(1),
  capturedAt: text,
  system: text,
  cluster: text,
  manager: z.enum(["none", "patroni", "pacemaker"]),
  missing: z.array(z.strictObject({ node: text.optional(), what: text, why: text })),
  nodes: z.record(text, nodeSchema),
  extensions: z.array(z.strictObject({ name: text, version: text, databases: z.int() })).optional(),
  /** Patroni's configuration in the distributed store. */
  patroni: tree.optional(),
  pacemaker: z
    .strictObject({
      version: text.optional(),
      corosyncVersion: text.optional(),
      corosync: tree.optional(),
      /** The cluster information base without its status, as XML. */
      cib: text.optional(),
    })
    .optional(),
  /** By version number: what each setting is when it is set nowhere. */
  defaults: z.record(text, texts),
});

export type Capture = z.output<typeof captureSchema>;
export type CapturedNode = Capture["nodes"][string];
export type CapturedServer = z.output<typeof postgres>;
export type CapturedMachine = z.output<typeof machine>;
export type Role = CapturedNode["role"];
export type AccessRule = z.output<typeof accessRule>;
