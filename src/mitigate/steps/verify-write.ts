import { BlackstartError } from "../../base/error.ts";
import type { JsonObject } from "../../base/json.ts";
import { pollUntil } from "../../base/time.ts";
import { type ClientsWay, clientsWayOf } from "../../drivers/clients/clients-url.ts";
import { addressOf } from "../../drivers/postgres/conninfo.ts";
import { type Connection, withConnection } from "../../drivers/postgres/connection.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import { withServer } from "../../system/address.ts";
import { clusterOf } from "../../system/names.ts";
import type { MitigationContext } from "../context.ts";
import { type Lowered, lowerUnlessPassing } from "./commits.ts";
import { number, stepFailed, text } from "./parameters.ts";
import { declaredNode, sessions } from "./servers.ts";

const writeTimeoutMs = 10_000;
const attemptTimeoutMs = 5000;
/** A promise that the plan itself set is lowered sooner: clients wait. */
const promptTimeoutMs = 2000;

/**
 * Verified means written: a commit through the address that the clients read, or straight to the primary where there is
 * none, is acknowledged within a limit. The message writes log and waits for the synchronous standbys like any commit,
 * and needs no table. `lowers`: what commits wait for was set by this plan before the promotion; should it not come, or
 * not confirm, fewer are waited for.
 */
export function verifyWriteHandler(context: MitigationContext): StepHandler {
  return {
    kind: "clients.verify-write",
    looks: true,
    check: async () => ({ state: "ready" }),
    do: (step) => write(context, step),
    async verify(step, outcome) {
      const waitsFor = number(step, "waitsFor");
      if (Number(outcome.waitedFor) >= waitsFor || step.parameters.lowers === true) return;
      throw stepFailed(
        `The service takes writes, but they wait for ${Number(outcome.waitedFor)} standby(s) instead of ${waitsFor}.`,
        "Fewer standbys stream than shall be waited for.",
        "Bring them back: `blackstart mitigate rejoin`.",
      );
    },
  };
}

async function write(context: MitigationContext, step: StepContext): Promise<JsonObject> {
  const way = await wayOf(context, step);
  const cluster = text(step, "cluster");
  const asThemselves = clusterOf(context.system, cluster).clients?.url !== undefined;
  const ownUrl = asThemselves ? declaredNode(context, cluster, text(step, "primary")).url : undefined;
  const lowers = step.parameters.lowers === true;
  const onPrimary = <T>(work: (connection: Connection) => Promise<T>) =>
    sessions(context).use(cluster, text(step, "primary"), work);
  let lowered: Lowered | undefined;
  let last: BlackstartError | undefined;
  const written = await pollUntil(
    async () => {
      try {
        return await attempt(way, ownUrl, step, lowers ? promptTimeoutMs : attemptTimeoutMs);
      } catch (error) {
        // Still refused, or not acknowledged: the limit of the whole wait decides.
        if (!(error instanceof BlackstartError)) throw error;
        last = error;
        if (lowers && error.details.timeoutMs !== undefined)
          lowered = (await onPrimary((connection) => lowerUnlessPassing(context, step, connection))) ?? lowered;
        return undefined;
      }
    },
    { everyMs: 10, timeoutMs: writeTimeoutMs, signal: step.signal },
  );
  if (written !== undefined) return { ...written, ...(lowered === undefined ? {} : { lowered }) };
  throw stepFailed(
    `${text(step, "primary")} does not acknowledge a write within ${writeTimeoutMs / 1000} s; the service does not work yet.`,
    last?.message ?? "No attempt ended.",
    "If it waits for a standby that does not come back: `blackstart mitigate degrade-synchronous`. Otherwise see its log.",
    last,
  );
}

/**
 * As the clients write, in a transaction of theirs: where their sessions are read-only by default the message would be
 * written all the same, and their own writes fail.
 */
async function attempt(
  way: ClientsWay,
  ownUrl: string | undefined,
  step: StepContext,
  queryTimeoutMs: number,
): Promise<JsonObject> {
  const waited = (connection: Connection) => waitedFor(connection, number(step, "waitsFor"), step.signal);
  const limits = { timeoutMs: 1000, queryTimeoutMs };
  const counted = await withConnection(way.url, limits, async (connection) => {
    const [session] = await connection.query<{ readonly: string; role: string }>(
      "select current_setting('default_transaction_read_only') as readonly, current_user::text as role",
    );
    if (session?.readonly === "on") throw readOnly(session.role);
    await connection.query("select pg_logical_emit_message(true, 'blackstart', $1)", [`${step.planId} works`]);
    return ownUrl === undefined ? await waited(connection) : undefined;
  });
  // The clients' own role need not see who streams.
  return { waitedFor: counted ?? (await withConnection(ownUrl ?? way.url, limits, waited)), path: way.by };
}

function readOnly(role: string): BlackstartError {
  return new BlackstartError("QUERY_FAILED", {
    what: `The primary lets ${role} read only.`,
    why: "default_transaction_read_only is on for its sessions.",
    next: "See pg_settings and pg_db_role_setting on the primary; alter system reset default_transaction_read_only.",
    details: { sqlstate: "25006" },
  });
}

/** How many standbys a commit waits for; one that has just connected counts a moment later. */
async function waitedFor(connection: Connection, wanted: number, signal: AbortSignal): Promise<number> {
  let count = 0;
  const enough = async () => {
    const rows = await connection.query<{ count: number }>(
      "select count(*)::int as count from pg_stat_replication where sync_state in ('sync', 'quorum')",
    );
    count = rows[0]?.count ?? 0;
    return count >= wanted ? true : undefined;
  };
  await pollUntil(enough, { everyMs: 10, timeoutMs: 2000, signal });
  return count;
}

/** The way of the clients; straight to the primary where none is declared. */
async function wayOf(context: MitigationContext, step: StepContext): Promise<ClientsWay> {
  const cluster = text(step, "cluster");
  const { url } = declaredNode(context, cluster, text(step, "primary"));
  const declared = clusterOf(context.system, cluster);
  const straight = { url, by: "straight to the primary" };
  // A virtual address or a pooler that is not moved yet would lead to the old primary.
  const isMoved = declared.clients?.file !== undefined;
  return (isMoved ? await clientsWayOf(declared, url) : undefined) ?? asTheClients(straight, declared.clients?.url);
}

function asTheClients(straight: ClientsWay, clientsUrl: string | undefined): ClientsWay {
  if (clientsUrl === undefined) return straight;
  const { host, port } = addressOf(straight.url);
  return { ...straight, url: withServer(clientsUrl, host, port) };
}
