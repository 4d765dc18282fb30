import { z } from "zod";
import type { SqlFault } from "./fault.ts";
import { namesOf } from "./server.ts";
import { inDatabase } from "./sql.ts";

const parameters = z.strictObject({
  table: z.string().regex(/\S/, "is empty").describe("Its name, as SQL has it: `accounts`, or `billing.accounts`."),
  cascade: z.enum(["no", "yes"]).default("no").describe("Whether what depends on it goes with it."),
  database: z.string().optional().describe("In which database; without it: the one that the node's url names."),
});

export const dropTable: SqlFault<z.output<typeof parameters>> = {
  kind: "sql",
  name: "drop-table",
  description: "A table was dropped, and the drop is replicated: no standby has it any more.",
  undo: "Recover to the moment before, from a backup and the archived log, and bring the table back from there.",
  on: "primary",
  parameters,
  async inject(servers, { table, cascade, database }) {
    const dropped = await Promise.all(
      servers.map((server) =>
        inDatabase(server, database, async (connection) => {
          // The server quotes the name itself, and refuses one that is no table's.
          const [found] = await connection.query<{ oid: string; name: string }>(
            "select $1::text::regclass::oid::text as oid, $1::text::regclass::text as name",
            [table],
          );
          await connection.query(`drop table ${found?.name}${cascade === "yes" ? " cascade" : ""}`);
          return { server, oid: found?.oid };
        }),
      ),
    );
    return {
      done: `Dropped the table ${table} on ${namesOf(servers)}.`,
      tookEffect: async () => {
        const left = await Promise.all(
          dropped.map(({ server, oid }) =>
            inDatabase(server, database, (connection) =>
              connection.query("select 1 from pg_class where oid = $1::oid", [oid]),
            ),
          ),
        );
        return left.every((rows) => rows.length === 0);
      },
    };
  },
};
