import { z } from "zod";
import { BlackstartError } from "../../base/error.ts";
import type { SqlFault } from "./fault.ts";
import type { Server } from "./server.ts";
import { inDatabase } from "./sql.ts";

const parameters = z.strictObject({
  account: z.string().default("1").describe("Whose money: the value of the key."),
  amount: z.coerce.number({ error: "is no number" }).positive().default(100).describe("How much is debited."),
  table: z.string().default("accounts").describe("The table of the accounts."),
  key: z.string().default("id").describe("Its key column."),
  column: z.string().default("balance").describe("The column that holds the money."),
  database: z.string().optional().describe("In which database; without it: the one that the node's url names."),
});
type Parameters = z.output<typeof parameters>;

export const halfTransfer: SqlFault<Parameters> = {
  kind: "sql",
  name: "half-transfer",
  description: "A transfer was done by half: one account was debited and committed, and no other was credited.",
  undo: "Credit what was debited: an invariant with a `repair` in blackstart.yaml, and `blackstart recover`.",
  on: "primary",
  parameters,
  async inject(servers, given) {
    const { account, amount, table, database } = given;
    const debits = await Promise.all(servers.map(async (server) => ({ server, xid: await debit(server, given) })));
    return {
      done: `Debited ${amount} from account ${account} of ${table}, and credited nobody.`,
      tookEffect: async () => {
        const fates = await Promise.all(
          debits.map(({ server, xid }) =>
            inDatabase(server, database, (connection) =>
              connection.query<{ fate: string }>("select pg_xact_status($1::text::xid8) as fate", [xid]),
            ),
          ),
        );
        return fates.every(([row]) => row?.fate === "committed");
      },
    };
  },
};

/** Answers the transaction: its commit is what others can see. */
function debit(server: Server, { account, amount, table, key, column, database }: Parameters): Promise<string> {
  return inDatabase(server, database, async (connection) => {
    const [names] = await connection.query<{ table: string; key: string; column: string }>(
      'select $1::text::regclass::text as table, quote_ident($2) as key, quote_ident($3) as "column"',
      [table, key, column],
    );
    const update = `update ${names?.table} set ${names?.column} = ${names?.column} - $1::numeric where ${names?.key}::text = $2 returning 1`;
    await connection.query("begin");
    const debited = await connection.query(update, [amount, account]);
    if (debited.length !== 1) throw notOne(table, key, account, debited.length);
    const [transaction] = await connection.query<{ xid: string }>("select pg_current_xact_id()::text as xid");
    await connection.query("commit");
    return transaction?.xid ?? "";
  });
}

function notOne(table: string, key: string, account: string, rows: number): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `${table} has ${rows} rows with ${key} = ${account}; nothing was debited.`,
    why: "A transfer debits one account.",
    next: "Name one that is there: --with account=…",
  });
}
