import { z } from "zod";
import { duration, filled, name } from "./pieces.ts";
import { thresholdsSchema } from "./thresholds.ts";

/**
 * `blackstart.yaml`: what should be. This one schema gives the check, the types, the JSON Schema for editors and the
 * reference page (`docs/system-file.md`). Every `describe` is read by the user who writes the file.
 */

const hostReference = z
  .string()
  .regex(/^(local:?|ssh:\/\/.+)$/, "a host is `local` or `ssh://user@address[:port]`")
  .overwrite((reference) => (reference === "local" ? "local:" : reference))
  .describe("How to run commands on the machine: `local` for this one, or `ssh://user@address[:port]`.");

const longNode = z.strictObject({
  url: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "a node's url begins with postgres://")
    .describe("How to connect: postgres://user:${PASSWORD}@address:port/database"),
  host: hostReference
    .optional()
    .describe(
      "The machine it runs on: `local` or `ssh://user@address[:port]`. Without it nothing can be restarted, fenced or brought back.",
    ),
  zone: z.string().optional().describe("What fails together: a room, an availability zone."),
  data: z.string().optional().describe("The data directory. Default: asked of the running server and remembered."),
  binaries: z.string().optional().describe("The directory of postgres, pg_ctl, pg_rewind. Default: asked of the host."),
  start: z
    .string()
    .optional()
    .describe(
      "Shell command on the host that starts the server, e.g. `systemctl start postgresql@15-main`. Default: pg_ctl.",
    ),
  stop: z.string().optional().describe("Shell command on the host that stops the server. Default: pg_ctl."),
  replication: z
    .string()
    .optional()
    .describe("The conninfo by which other nodes replicate from this one. Default: from the url."),
  promote: z
    .literal("never")
    .optional()
    .describe("`never`: it does not become the primary: it is for reports, or stands too far away."),
  synchronous: z
    .literal("never")
    .optional()
    .describe("`never`: no plan lets commits wait for it. What synchronous_standby_names itself says is kept."),
  follows: z
    .string()
    .optional()
    .describe("The node that it replicates from (a cascade), while that is there as a standby. Default: the primary."),
  expendable: z
    .boolean()
    .default(false)
    .describe("Faults may be injected here. Lab nodes are; never set it in production."),
});

const nodeSchema = z.preprocess((value) => (typeof value === "string" ? { url: value } : value), longNode);

const clientsSchema = z
  .strictObject({
    file: z
      .string()
      .optional()
      .describe("A file with the primary's address, which the clients read: one line, host:port."),
    url: z
      .string()
      .regex(/^postgres(ql)?:\/\//, "the clients' url begins with postgres://")
      .optional()
      .describe(
        "How the clients connect: their user, password and database, and the address where no `file` gives it. The write that proves a failover is made as them. Default: as Blackstart itself connects.",
      ),
    vip: z.string().optional().describe("A virtual address that follows the primary. You move it: plans say when."),
    pgbouncer: z.string().optional().describe("A PgBouncer that leads to the primary. You point it: plans say when."),
    haproxy: z.string().optional().describe("A HAProxy that leads to the primary. You point it: plans say when."),
    patroni: z.boolean().optional().describe("Patroni's REST API tells them."),
  })
  .describe("How the clients find the primary.");

const clusterSchema = z.strictObject({
  manager: z
    .enum(["none", "patroni", "pacemaker"])
    .default("none")
    .describe(
      "What manages failover besides Blackstart. It is watched; plans for a cluster that is managed are refused.",
    ),
  synchronous: z.int().min(0).default(0).describe("An acknowledged write is on at least so many standbys."),
  nodes: z.record(name, nodeSchema).describe("The servers of the cluster, by name."),
  clients: clientsSchema.optional(),
  fence: z
    .string()
    .optional()
    .describe(
      "Shell command, run here, that cuts a node off for good (power, network). BLACKSTART_NODE holds its name. Exit 0 means: it is cut off.",
    ),
  backups: z
    .strictObject({ pgbackrest: z.string().optional().describe("The name of its pgBackRest stanza.") })
    .optional()
    .describe("Where its backups are."),
  objectives: z
    .strictObject({
      rpo: duration.optional().describe("Recovery point objective: so much of the latest work may be lost."),
      rto: duration.optional().describe("Recovery time objective: after so long it works again."),
    })
    .optional()
    .describe("What was promised for the worst case; drills are measured by it."),
});

const cacheSchema = z.strictObject({
  redis: z
    .string()
    .regex(/^rediss?:\/\//, "a cache's url begins with redis://")
    .describe("redis://[:password@]address:port[/database]"),
  expendable: z
    .boolean()
    .default(false)
    .describe("Faults may be injected here: its keys may be made to expire. Never set it in production."),
  entries: z
    .array(
      z.strictObject({
        keys: z
          .string()
          .regex(/\{\w+\}/, "`keys` needs one {column} of the query in braces")
          .describe("The pattern of the keys, with the query's column in braces: balance:{account}"),
        cluster: z.string().describe("The cluster whose database knows the truth."),
        query: z
          .string()
          .describe("Gives the column named in `keys` and `value`, for the identifiers in $1 (an array)."),
      }),
    )
    .default([])
    .describe("What the cache's keys should hold, according to a database."),
});

const serviceSchema = z.strictObject({
  probe: z
    .string()
    .regex(/^(https?|tcp):\/\//, "a probe is http://…, https://… or tcp://address:port")
    .optional()
    .describe("What answers when the service is well."),
  needs: z.array(z.string()).default([]).describe("Clusters, caches and services without which it does not work."),
  host: hostReference.optional().describe("The machine it runs on: `local` or `ssh://user@address[:port]`."),
  restart: filled("the command").optional().describe("Shell command on the host that restarts it."),
  counts: z
    .strictObject({
      url: z
        .string()
        .regex(/^https?:\/\//, "the address of the counters is http://… or https://…")
        .describe("Where."),
      requests: z.string().describe("The counter of all requests."),
      failed: z.string().describe("The counter of those that failed."),
    })
    .optional()
    .describe(
      "Where it counts its requests, in Prometheus text: the address and the names of the two counters. Gives an incident its impact.",
    ),
});

const invariantSchema = z.strictObject({
  cluster: z.string().describe("The cluster whose database it is about."),
  violations: filled("the query").describe("A query that gives a row for each violation. No rows: all is well."),
  repair: z
    .union([z.string(), z.array(z.string())], { error: "must be SQL: a text, or a list of texts" })
    .optional()
    .describe("SQL that puts one violation right; $column stands for a column of its row."),
  settle: duration
    .default(2000)
    .describe("A violation counts only if it is still there after this long (work in progress is none)."),
});

const featureSchema = z.strictObject({
  of: z.string().describe("The service it belongs to."),
  critical: z.boolean().default(true).describe("False: may be switched off to save the rest."),
});

export const systemSchema = z.strictObject({
  system: name.describe("Its name. Its timeline is kept under it."),
  clusters: z.record(name, clusterSchema).default({}).describe("The PostgreSQL clusters, by name."),
  caches: z.record(name, cacheSchema).default({}).describe("The caches in front of them, by name."),
  services: z.record(name, serviceSchema).default({}).describe("What the users use, by name."),
  features: z.record(name, featureSchema).default({}).describe("Parts of services that can be switched off, by name."),
  invariants: z.record(name, invariantSchema).default({}).describe("What must always hold in the data, by name."),
  mitigation: z
    .strictObject({
      failover: z
        .enum(["propose", "auto"])
        .default("propose")
        .describe(
          "`auto`: carried out without a person where the safety rules hold and no acknowledged write can be lost. Afterwards the old primary is brought back as a standby.",
        ),
      restart: z
        .enum(["propose", "auto"])
        .default("propose")
        .describe(
          "`auto`: a node that its host sees down, or a service that is down, is started again without a person. Nothing is rewound or copied.",
        ),
      rejoin: z
        .enum(["propose", "auto"])
        .default("propose")
        .describe(
          "`auto`: a node that is down, and cannot follow as it is, is brought back as a standby without a person: started, rewound or copied anew.",
        ),
    })
    .prefault({})
    .describe("What may be done without a person."),
  watch: z
    .strictObject({
      heartbeat: duration.default(1000).describe("A node that does not answer for this long hangs."),
      checks: duration.default(60_000).describe("The pause between two runs of the health checks."),
      settle: duration
        .default(600_000)
        .describe("What is wrong again within this time belongs to the same incident; nobody is paged twice."),
      thresholds: thresholdsSchema,
      ignore: z
        .array(z.string())
        .default([])
        .describe(
          "Findings nobody wants to hear of: a code (`checksums.off`), or a code and its subject (`checksums.off node:ledger/pg1`).",
        ),
    })
    .prefault({})
    .describe("How closely it is watched."),
});

export type System = z.output<typeof systemSchema>;
export type Cluster = System["clusters"][string];
export type Node = Cluster["nodes"][string];
export type Cache = System["caches"][string];
export type Service = System["services"][string];
export type Invariant = System["invariants"][string];
