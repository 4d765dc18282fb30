import { withConnection } from "../../drivers/postgres/connection.ts";
import { noParameters, type SqlFault } from "./fault.ts";
import { namesOf } from "./server.ts";

const timeoutMs = 5000;

export const twoPrimaries: SqlFault = {
  kind: "sql",
  name: "two-primaries",
  description: "A standby was promoted by hand while the primary lives: both take writes.",
  undo: "One of the two histories has to go: `blackstart mitigate demote`.",
  on: "one-standby",
  parameters: noParameters,
  async inject(servers) {
    for (const { url } of servers)
      await withConnection(url, { timeoutMs }, (connection) => connection.query("select pg_promote(false)"));
    return {
      done: `Promoted ${namesOf(servers)}; the primary was left running.`,
      tookEffect: async () => {
        const answers = await Promise.all(
          servers.map(({ url }) =>
            withConnection(url, { timeoutMs }, (connection) =>
              connection.query<{ primary: boolean }>("select not pg_is_in_recovery() as primary"),
            ),
          ),
        );
        return answers.every(([row]) => row?.primary === true);
      },
    };
  },
};
