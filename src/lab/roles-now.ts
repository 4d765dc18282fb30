import { withConnection } from "../drivers/postgres/connection.ts";
import type { RoleNow } from "./lab.ts";
import type { LabRecord, NodeRecord } from "./record.ts";
import { isRunning } from "./servers.ts";

const timeoutMs = 1000;

/** What each node is now, as the servers themselves say, asked past any network that may be cut. */
export async function rolesNow(lab: LabRecord): Promise<Readonly<Record<string, RoleNow>>> {
  const answers = await Promise.all(lab.nodes.map(async (node) => [node.name, await answerOf(node)] as const));
  const synchronous = new Map(answers.flatMap(([, answer]) => (typeof answer === "string" ? [] : answer)));
  return Object.fromEntries(
    answers.map(([name, answer]): [string, RoleNow] => {
      if (typeof answer !== "string") return [name, "primary"];
      if (answer !== "standby") return [name, answer];
      const isSynchronous = synchronous.get(name);
      return [name, isSynchronous === undefined ? "standby" : isSynchronous ? "synchronous" : "asynchronous"];
    }),
  );
}

/** Of a primary: its standbys by the name that they give, which is the node's, and whether each is synchronous. */
type Answer = "down" | "silent" | "standby" | readonly (readonly [string, boolean])[];

async function answerOf(node: NodeRecord): Promise<Answer> {
  if (!isRunning(node)) return "down";
  return withConnection(node.ownUrl, { timeoutMs, queryTimeoutMs: timeoutMs }, async (connection): Promise<Answer> => {
    const [row] = await connection.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
    if (row?.standby !== false) return "standby";
    const standbys = await connection.query<{ name: string; synchronous: boolean }>(
      // One that cannot follow connects again and again, and never gets further than the start.
      "select application_name as name, sync_state in ('sync', 'quorum') as synchronous from pg_stat_replication where state in ('catchup', 'streaming')",
    );
    return standbys.map(({ name, synchronous }) => [name, synchronous] as const);
  }).catch((): Answer => "silent"); // It starts, ends or hangs: that it does not answer is the answer.
}
