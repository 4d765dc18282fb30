import { type Connection, connect } from "../../drivers/postgres/connection.ts";
import type { Following } from "../../drivers/postgres/following.ts";
import { byHistory } from "../../drivers/postgres/looks.ts";

/**
 * `diverged`, where a standby's history and the primary's say so; undefined where they do not, or cannot be asked: then
 * what is known of the standby without them stands.
 */
export async function askBranch(url: string, primaryUrl: string, timeoutMs: number): Promise<Following | undefined> {
  const options = { timeoutMs, queryTimeoutMs: timeoutMs, applicationName: "blackstart watch" };
  const opened: Connection[] = [];
  const asked = async (to: string) => {
    const connection = await connect(to, options);
    opened.push(connection);
    return { connection, open: (more: object) => connect(to, { ...options, ...more }) };
  };
  try {
    return await byHistory(await asked(url), await asked(primaryUrl));
  } catch {
    return undefined; // Whether either answers at all is seen, and told, by its own watch.
  } finally {
    await Promise.all(opened.map((connection) => connection.close()));
  }
}
