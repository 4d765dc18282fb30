import { z } from "zod";
import { duration, filled, name } from "../../system/pieces.ts";

/**
 * A scenario: an outage that runs. This one schema gives the check, the types, the JSON Schema for editors and the
 * reference page (`docs/scenario-file.md`). Every `describe` is read by the user who writes the file.
 */

export const factorsMax = 32;

const settings = z
  .record(z.string().regex(/^[a-z_][a-z0-9_.]*$/i, "is no name of a setting"), z.coerce.string())
  .describe("PostgreSQL settings, by name.");

const standbys = z
  .array(z.enum(["synchronous", "asynchronous"]))
  .max(8)
  .describe("The standbys: `synchronous` or `asynchronous`, in the order pg2, pg3, …");

const sql = filled("the statement");

/** One thing that is done to the running cluster. Exactly one of its kinds is given. */
const actionFields = {
  fault: name.optional().describe("A fault, as `blackstart lab break` lists them."),
  heal: name.optional().describe("A fault that is taken back."),
  on: filled("`on`")
    .optional()
    .describe("What it hits: a node (`pg2`), a role (`primary`), a process (`primary.checkpointer`)."),
  with: z.record(z.string(), z.coerce.string()).optional().describe("The fault's parameters, by name."),
  promote: filled("`promote`")
    .optional()
    .describe("A standby is promoted by hand: its name, or `furthest`, the one that has received most."),
  manage: filled("the words")
    .optional()
    .describe(
      "What is said to the manager in its own command line, a line each: Pacemaker's `crm` (`resource move vip pg3`) or one of its own programs by its name (`cibadmin …`, `crm_resource …`), Patroni's `patronictl` (`edit-config --force --set synchronous_mode=true`).",
    ),
  backup: z.literal(true).optional().describe("A base backup of the primary is taken."),
  archive: z.literal(true).optional().describe("It is waited until all that was written so far is in the archive."),
  restore: name
    .optional()
    .describe(
      "Point-in-time recovery: every server is ended, this node is replaced by the base backup and the archived log, and the clients are led there.",
    ),
  sql: sql.optional().describe("A statement, run through the clients' path or, with `on`, on that node."),
  command: filled("the command")
    .optional()
    .describe(
      "A shell command, run here. It is told of the lab in BLACKSTART_LAB, BLACKSTART_LAB_FOLDER, BLACKSTART_CLIENT_URL and BLACKSTART_URL_PG1, …, and of the scenario's folder in BLACKSTART_SCENARIO_FOLDER.",
    ),
  after: duration.optional().describe("So long after the action before it has taken effect. Default: at once."),
  settled: duration
    .optional()
    .describe(
      "Only when the cluster has come to rest after the action before it: writes are accepted and nobody's role changes any more, or no write has been accepted for so long.",
    ),
} as const;

const automation = z
  .enum(["none", "blackstart"])
  .describe("Who acts by itself besides the manager: `blackstart` watches and fails over where that is safe.");

const patroni = z.strictObject({
  ttl: z.int().min(1).optional(),
  loop_wait: z.int().min(1).optional(),
  retry_timeout: z.int().min(1).optional(),
});

const cluster = z.strictObject({
  manager: z
    .enum(["streaming", "patroni", "pacemaker"])
    .default("streaming")
    .describe("What manages failover in the lab."),
  standbys: standbys.default(["synchronous", "asynchronous"]),
  settings: settings.default({}),
  configuration: z
    .string()
    .optional()
    .describe(
      "Pacemaker: the file with its configuration, as `cibadmin --query` or `crm configure show` prints it, from the scenario's folder. Default: that of the outage of 2017, in a form that fails over.",
    ),
  patroni: patroni.optional().describe("Patroni's times, in seconds. Default: 20, 1 and 3."),
  proxied: z.boolean().default(false).describe("A TCP proxy before each node, so that its network can be cut."),
  archive: z.boolean().default(false).describe("The primary archives its write-ahead log."),
  disks: z.boolean().default(false).describe("Disks of its own for each node, so that they can fail. Needs root."),
  durable: z.boolean().default(false).describe("With fsync. Needed only where a power loss is part of the story."),
  redis: z.boolean().default(false).describe("A Redis beside the cluster; its address is in BLACKSTART_REDIS_URL."),
  automation: automation.default("none"),
});

const environment = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "is no name of a variable"), z.coerce.string())
  .describe("Variables of the environment, by name.");

const workload = z.strictObject({
  setup: sql.optional().describe("Run once, before the clients begin."),
  write: z
    .array(sql)
    .min(1)
    .optional()
    .describe(
      "What every client does again and again: statements, each a transaction of its own. $1, where it stands, is the number of the write. Default: a row is inserted.",
    ),
  present: sql
    .optional()
    .describe(
      "Answers with the numbers of the writes that are there. Needed for `lost-writes` with a `write` of one's own.",
    ),
  programs: z
    .array(filled("the command"))
    .default([])
    .describe(
      "Shell commands that run as long as the trial does: services of one's own. Each is ready when it has written its first line.",
    ),
  environment: environment.default({}).describe("For the programs and for every `command`."),
  clients: z.int().min(1).max(32).default(2).describe("So many write at once."),
  reconnect: z
    .boolean()
    .default(false)
    .describe("Every write has a connection of its own, as in services without a pool."),
  every: duration.optional().describe("Each client pauses so long between two writes. Default: 2ms."),
});

const factor = z.strictObject({
  id: name,
  about: z.string().optional().describe("What was suspected, for people."),
  ...actionFields,
  settings: settings.optional().describe("A difference of configuration: PostgreSQL settings."),
  environment: environment
    .optional()
    .describe("A difference of configuration: variables for the programs and for every `command`."),
  nodes: z.array(name).optional().describe("The nodes that get these settings. Default: all."),
  topology: z
    .strictObject({ standbys: standbys.optional(), automation: automation.optional() })
    .optional()
    .describe("A difference of topology: what takes the place of the cluster's own."),
  patroni: patroni.optional().describe("A difference of configuration: Patroni's times, in seconds."),
  needs: z
    .array(name)
    .default([])
    .describe("Factors without which this one means nothing; it is absent where they are."),
});

const action = z.strictObject({
  ...actionFields,
  needs: z.array(name).default([]).describe("It is done only where all of these factors are present."),
});

const symptom = z.strictObject({
  "no-write-for": duration.optional().describe("No write is accepted through the clients' path for so long."),
  "lost-writes": z.literal(true).optional().describe("A write that was acknowledged is not there afterwards."),
  "at-rest": z
    .array(z.enum(["blocked", "two-primaries", "lost-writes"]))
    .min(1)
    .optional()
    .describe(
      "When the cluster has come to rest, one of these is the case. `blocked`: no write is accepted, although the server of a node answers whose network is open. `two-primaries`: two nodes accept writes. `lost-writes`: as below.",
    ),
  log: filled("the expression").optional().describe("A line of a node's log matches this regular expression."),
  violated: sql.optional().describe("This query answers with rows, through the clients' path or on the node in `on`."),
  fails: sql.optional().describe("This statement ends with an error, of the class in `sqlstate` where that is given."),
  command: filled("the command").optional().describe("This shell command ends with exit code 0."),
  sqlstate: z
    .string()
    .regex(/^[0-9A-Z]{2,5}$/, "is a SQLSTATE or its first two characters: XX001, 53")
    .optional(),
  on: name
    .optional()
    .describe("The node that is looked at. Default: wherever the clients are led; for a log: every node."),
  within: duration
    .optional()
    .describe(
      "So long after the last action the symptom may begin. Default: at once for no-write-for, 5s for lost-writes (within which a write must be accepted again), otherwise 2s. With at-rest it is how long no write must be accepted before that is called a rest; default: 30s.",
    ),
});

export const scenarioSchema = z.strictObject({
  scenario: name.describe("Its name."),
  about: z.string().optional().describe("The story, for people."),
  cluster: cluster.prefault({}),
  workload: workload.prefault({}),
  before: z.array(action).default([]).describe("What is done before the first factor in every trial; no factors."),
  factors: z
    .array(factor)
    .min(1)
    .max(factorsMax)
    .describe("What is suspected: faults in their order, and differences of configuration and topology."),
  afterwards: z.array(action).default([]).describe("What is done afterwards in every trial; no factors."),
  symptom: symptom.describe("What counts as the outage. Exactly one of its kinds."),
});

export type Scenario = z.output<typeof scenarioSchema>;
/** As it is written: what has a default may be missing. */
export type WrittenScenario = z.input<typeof scenarioSchema>;
export type Factor = Scenario["factors"][number];
export type Action = Scenario["afterwards"][number];
export type Symptom = Scenario["symptom"];

/** The kinds of which an action, a factor and a symptom each have exactly one. */
export const actionKinds = [
  "fault",
  "heal",
  "promote",
  "manage",
  "backup",
  "archive",
  "restore",
  "sql",
  "command",
] as const;
export const factorKinds = [...actionKinds, "settings", "environment", "topology", "patroni"] as const;
export const symptomKinds = ["no-write-for", "lost-writes", "at-rest", "log", "violated", "fails", "command"] as const;
