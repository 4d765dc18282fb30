import { readFile } from "node:fs/promises";
import { messageOf } from "../../base/error.ts";
import { type Connection, connect } from "../../drivers/postgres/connection.ts";

export type Query = <Row extends object>(text: string, values: readonly unknown[]) => Promise<Row[]>;

export interface Pool {
  /** Begins, runs `work`, commits. Throws, and the connection is thrown away, when anything of it fails. */
  transaction(work: (query: Query) => Promise<void>): Promise<void>;
}

/**
 * A few connections to whatever the address file names now. A client sees a success or an error, never an endless hang:
 * each statement has `timeoutMs`.
 */
export function createPool(addressFile: string, options: { connections: number; timeoutMs: number }): Pool {
  const idle: { connection: Connection; address: string }[] = [];
  let open = 0;
  const waiting: (() => void)[] = [];

  async function take(): Promise<{ connection: Connection; address: string }> {
    while (open >= options.connections && idle.length === 0)
      await new Promise<void>((resolve) => waiting.push(resolve));
    const address = (await readFile(addressFile, "utf8")).trim();
    for (let held = idle.pop(); held !== undefined; held = idle.pop()) {
      if (held.address === address) return held;
      await drop(held.connection);
    }
    open += 1;
    try {
      const url = `postgres://blackstart@${address}/postgres`;
      return {
        address,
        connection: await connect(url, {
          timeoutMs: options.timeoutMs,
          queryTimeoutMs: options.timeoutMs,
          applicationName: "payments",
        }),
      };
    } catch (error) {
      open -= 1;
      throw error;
    }
  }

  async function drop(connection: Connection): Promise<void> {
    open -= 1;
    await connection.close();
  }

  return {
    async transaction(work) {
      const held = await take();
      try {
        await held.connection.query("begin");
        await work((text, values) => held.connection.query(text, values));
        await held.connection.query("commit");
        idle.push(held);
      } catch (error) {
        await drop(held.connection);
        throw new Error(`transfer not booked: ${messageOf(error)}`, { cause: error });
      } finally {
        waiting.shift()?.();
      }
    },
  };
}
