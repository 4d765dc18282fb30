import { z } from "zod";
import { type Connection, withConnection } from "../../drivers/postgres/connection.ts";
import type { SqlFault } from "./fault.ts";
import { namesOf, type Server } from "./server.ts";

export const statementTimeoutMs = 60_000;

const parameters = z.strictObject({
  statement: z.string().regex(/\S/, "is empty").describe("What is run: one statement, or several with semicolons."),
  database: z.string().optional().describe("In which database; without it: the one that the node's url names."),
  expect: z
    .string()
    .optional()
    .describe("A query that then answers true; without it, that the statement succeeds is enough."),
});

export const sql: SqlFault<z.output<typeof parameters>> = {
  kind: "sql",
  name: "sql",
  description: "Somebody ran SQL that should not have been run: a wrong update, a lock that is held, a setting.",
  undo: "What was written stays written: repair it (`blackstart recover`), or recover to the moment before.",
  on: "primary",
  parameters,
  async inject(servers, { statement, database, expect }) {
    for (const server of servers) await inDatabase(server, database, (connection) => connection.query(statement));
    return {
      done: `Ran on ${namesOf(servers)}: ${statement}`,
      tookEffect: async () => {
        if (expect === undefined) return true;
        const answers = await Promise.all(
          servers.map((server) => inDatabase(server, database, (connection) => connection.query(expect))),
        );
        return answers.every(([row]) => row !== undefined && Object.values(row)[0] === true);
      },
    };
  },
};

export function inDatabase<T>(
  server: Pick<Server, "url">,
  database: string | undefined,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const options = { queryTimeoutMs: statementTimeoutMs, ...(database === undefined ? {} : { database }) };
  return withConnection(server.url, options, use);
}
