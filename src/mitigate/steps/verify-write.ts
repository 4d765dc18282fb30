import { BlackstartError } from "../../base/error.ts";
import type { JsonObject } from "../../base/json.ts";
import { pollUntil } from "../../base/time.ts";
import { type Connection, connect } from "../../drivers/postgres/connection.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import { withServer } from "../../system/address.ts";
import { clusterOf } from "../../system/names.ts";
import { readClientsAddress } from "../clients-address.ts";
import type { MitigationContext } from "../context.ts";
import { lowerToConfirming, lowerUnlessPassing } from "./commits.ts";
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
  const { url, path } = await clientsUrl(context, step);
  const lowers = step.parameters.lowers === true;
  const onPrimary = <T>(work: (connection: Connection) => Promise<T>) =>
    sessions(context).use(text(step, "cluster"), text(step, "primary"), work);
  let lowered = lowers ? await onPrimary((connection) => lowerUnlessPassing(step, connection)) : undefined;
  let last: BlackstartError | undefined;
  const written = await pollUntil(
    async () => {
      try {
        return await attempt(url, step, lowers ? promptTimeoutMs : attemptTimeoutMs);
      } catch (error) {
        // Still refused, or not acknowledged: the limit of the whole wait decides.
        if (!(error instanceof BlackstartError)) throw error;
        last = error;
        if (lowers && error.details.timeoutMs !== undefined)
          lowered = (await onPrimary((connection) => lowerToConfirming(step, connection))) ?? lowered;
        return undefined;
      }
    },
    { everyMs: 10, timeoutMs: writeTimeoutMs, signal: step.signal },
  );
  if (written !== undefined) return { ...written, path, ...(lowered === undefined ? {} : { lowered }) };
  throw stepFailed(
    `${text(step, "primary")} does not acknowledge a write within ${writeTimeoutMs / 1000} s; the service does not work yet.`,
    last?.message ?? "No attempt ended.",
    "If it waits for a standby that does not come back: `blackstart mitigate degrade-synchronous`. Otherwise see its log.",
    last,
  );
}

async function attempt(url: string, step: StepContext, queryTimeoutMs: number): Promise<JsonObject> {
  const connection = await connect(url, { timeoutMs: 1000, queryTimeoutMs });
  try {
    await connection.query("select pg_logical_emit_message(true, 'blackstart', $1)", [`${step.planId} works`]);
    return { waitedFor: await waitedFor(connection, number(step, "waitsFor"), step.signal) };
  } finally {
    await connection.close();
  }
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

/** The primary's url, with the address that the clients read. */
async function clientsUrl(context: MitigationContext, step: StepContext): Promise<{ url: string; path: string }> {
  const cluster = text(step, "cluster");
  const { url } = declaredNode(context, cluster, text(step, "primary"));
  const file = clusterOf(context.system, cluster).clients?.file;
  const address = await readClientsAddress(file);
  if (file === undefined || address === undefined) return { url, path: "straight to the primary" };
  const [, host = address, port = "5432"] = /^(.*):(\d+)$/.exec(address) ?? [];
  return { url: withServer(url, host.replace(/^\[(.*)\]$/, "$1"), Number(port)), path: `the address in ${file}` };
}
