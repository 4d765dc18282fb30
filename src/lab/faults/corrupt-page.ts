import { closeSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { BlackstartError } from "../../base/error.ts";
import { pollUntil } from "../../base/time.ts";
import { type Connection, withConnection } from "../../drivers/postgres/connection.ts";
import { pageBytes } from "../../drivers/postgres/page.ts";
import { managerOf } from "../managers.ts";
import { serverProcessesIn } from "../processes.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { postmasterOf } from "../servers.ts";
import { send } from "../signals.ts";
import type { LabFault } from "./fault.ts";
import { damageKinds, type DamageKind, damagePage } from "./page-damage.ts";

const kinds = Object.keys(damageKinds) as [DamageKind, ...DamageKind[]];
const foundBy = kinds.map((kind) => `${kind} (${damageKinds[kind].of}; ${damageKinds[kind].finds})`);

const parameters = z.strictObject({
  relation: z.string().regex(/\S/, "is empty").describe("A table, a materialized view or a btree index."),
  kind: z
    .enum(kinds)
    .default("checksum")
    .describe(`What is damaged: ${foundBy.join(", ")}.`),
  block: z.coerce
    .number({ error: "is no number" })
    .int()
    .min(0)
    .optional()
    .describe("Which page, from 0; without it the first that fits."),
  database: z.string().optional().describe("In which database; without it: the one that the node's url names."),
});
type Parameters = z.output<typeof parameters>;

export const corruptPage: LabFault<Parameters> = {
  kind: "lab",
  name: "corrupt-page",
  description: "A page of a table or an index is damaged on the disk, and the server does not know it yet.",
  undo: "An index: `reindex`. A table: from a standby or a backup that has the page whole.",
  on: "primary",
  parameters,
  async inject(lab, nodes, given) {
    const damages: (Damaged & { done: string })[] = [];
    for (const node of nodes) damages.push(await corrupt(lab, node, given));
    return {
      done: damages.map(({ done }) => done).join(" "),
      tookEffect: async () => damages.every(({ file, at, page }) => readPage(file, at).equals(page)),
    };
  },
};

const timeoutMs = 30_000;
const stopTimeoutMs = 20_000;
const blocksPerFile = 131_072;

/** Only a clean page that is not in memory: else the server would write its own over ours, or never look at the disk. */
async function corrupt(lab: LabRecord, node: NodeRecord, given: Parameters) {
  const { relation, database } = given;
  const within = <T>(use: (connection: Connection) => Promise<T>) =>
    withConnection(node.ownUrl, { queryTimeoutMs: timeoutMs, ...(database === undefined ? {} : { database }) }, use);
  const facts = await within((connection) => prepare(connection, given));
  const choose = () => {
    for (let block = given.block ?? 0; block <= (given.block ?? facts.blocks - 1); block++) {
      const file =
        join(node.dataDirectory, facts.path) + (block < blocksPerFile ? "" : `.${Math.floor(block / blocksPerFile)}`);
      const at = (block % blocksPerFile) * pageBytes;
      const damage = damagePage(readPage(file, at), block, given.kind, facts.nextXid);
      if ("page" in damage) return { file, at, block, ...damage };
      if (given.block !== undefined) throw unfit(given, `Block ${block} of ${relation}: ${damage.refused}.`);
    }
    throw unfit(given, `None of its ${facts.blocks} blocks can be damaged so.`);
  };
  const evicts = facts.version >= 170_000 && !facts.standby;
  if (!evicts && managerOf(lab).failsOver)
    throw unfit(given, `${node.name} would have to be stopped for it, and what manages it would act on that.`);
  const damaged = evicts
    ? await within((connection) => whileEvicted(connection, relation, choose))
    : await whileDown(lab, node, choose);
  const how = evicts
    ? ""
    : ` ${node.name} was stopped for it and started again: before 17, and on a standby, nothing else makes it forget the page.`;
  return { ...damaged, done: `Block ${damaged.block} of ${relation} on ${node.name}: ${damaged.what}.${how}` };
}

type Damaged = Readonly<{ file: string; at: number; block: number; page: Buffer; what: string }>;

async function prepare(connection: Connection, given: Parameters) {
  const { relation, kind, block } = given;
  const [row] = await connection.query<Relation>(relationQuery, [relation]);
  const facts = row as Relation;
  const fits = damageKinds[kind].of === "any" || damageKinds[kind].of === facts.access;
  if (!["heap", "btree"].includes(facts.access) || !fits)
    throw unfit(given, `${relation} is ${facts.access}; the damage ${kind} is for ${damageKinds[kind].of}.`);
  if (kind === "checksum" && !facts.checksums) throw unfit(given, "The cluster has no checksums that would not fit.");
  if (block !== undefined && block >= facts.blocks) throw unfit(given, `It has ${facts.blocks} blocks, from 0.`);
  // What could still change the page by itself is done now: freezing, hint bits, and the write to the disk.
  if (!facts.standby && facts.access === "heap") await connection.query(`vacuum (freeze) ${facts.name}`);
  await connection.query("checkpoint");
  return { ...facts, blocks: Number(facts.blocks), nextXid: Number(facts.xid), version: Number(facts.version) };
}

type Relation = Readonly<{
  name: string;
  path: string;
  access: string;
  blocks: number;
  checksums: boolean;
  standby: boolean;
  version: number;
  xid: string;
}>;

const relationQuery = `
  select c.oid::regclass::text as name, pg_relation_filepath(c.oid) as path,
         coalesce(a.amname, 'no table and no index') as access,
         (pg_relation_size(c.oid) / ${pageBytes})::int as blocks,
         current_setting('data_checksums') = 'on' as checksums, pg_is_in_recovery() as standby,
         current_setting('server_version_num')::int as version,
         (pg_snapshot_xmax(pg_current_snapshot())::text::numeric % 4294967296)::text as xid
  from pg_class c left join pg_am a on a.oid = c.relam where c.oid = $1::text::regclass`;

/** Since 17 a single page can be made to leave memory; the extension goes again if it was not there. */
async function whileEvicted(connection: Connection, relation: string, choose: () => Damaged): Promise<Damaged> {
  const [had] = await connection.query("select 1 from pg_extension where extname = 'pg_buffercache'");
  await connection.query("create extension if not exists pg_buffercache");
  try {
    const damaged = choose();
    writePage(damaged);
    await connection.query(
      `select pg_buffercache_evict(bufferid) from pg_buffercache
       where relfilenode = pg_relation_filenode($1::text::regclass) and relforknumber = 0 and relblocknumber = $2
         and reldatabase = (select oid from pg_database where datname = current_database())`,
      [relation, damaged.block],
    );
    return damaged;
  } finally {
    if (had === undefined) await connection.query("drop extension pg_buffercache");
  }
}

async function whileDown(lab: LabRecord, node: NodeRecord, choose: () => Damaged): Promise<Damaged> {
  const postmaster = postmasterOf(node);
  if (postmaster !== undefined) send(postmaster, "SIGINT"); // A fast shutdown, with its checkpoint.
  const down = await pollUntil(async () => (serverProcessesIn(node.dataDirectory).length === 0 ? true : undefined), {
    everyMs: 5,
    timeoutMs: stopTimeoutMs,
  });
  if (!down)
    throw new BlackstartError("LAB_FAILED", {
      what: `${node.name} did not stop within ${stopTimeoutMs / 1000} s.`,
      why: "Before 17 a page can only be damaged while its server is down.",
      next: "See its log; nothing was damaged.",
    });
  try {
    const damaged = choose();
    writePage(damaged);
    return damaged;
  } finally {
    await managerOf(lab).powerOn(lab, [node]);
  }
}

function readPage(file: string, at: number): Buffer {
  const page = Buffer.alloc(pageBytes);
  const opened = openSync(file, "r");
  try {
    readSync(opened, page, 0, pageBytes, at);
    return page;
  } finally {
    closeSync(opened);
  }
}

function writePage({ file, at, page }: Damaged): void {
  const opened = openSync(file, "r+");
  try {
    writeSync(opened, page, 0, pageBytes, at);
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

function unfit({ relation, kind }: Parameters, why: string): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${relation} cannot be damaged by “${kind}”; nothing was changed.`,
    why,
    next: `Choose another kind, block or relation. There are: ${foundBy.join(", ")}.`,
  });
}
