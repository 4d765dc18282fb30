import { connect } from "../../src/drivers/postgres/connection.ts";
import type { RecoveryFleet } from "../../src/recover/context.ts";
import { type System, systemSchema } from "../../src/system/schema.ts";
import { installedBinaries, type TestServer, withServer } from "../wal/server.ts";

/** The newest and the oldest server there is: what differs between versions shows at the ends. */
export const servers: readonly (readonly [number, string])[] = [...installedBinaries()].sort(([a], [b]) => a - b);

export { type TestServer, withServer };

/** A fleet of one server, which is the node `pg1` of the cluster `ledger`. */
export function fleetOf(url: string): RecoveryFleet {
  return {
    connect: (_cluster, _node, options) => {
      const target = new URL(url);
      if (options?.database !== undefined) target.pathname = `/${options.database}`;
      return connect(target.href, options);
    },
    host: () => {
      throw new Error("no host in this test");
    },
    instance: async () => undefined,
  };
}

export function systemOf(url: string, rest: object = {}): System {
  return systemSchema.parse({ system: "test", clusters: { ledger: { nodes: { pg1: { url } } } }, ...rest });
}

export const ledgerTables = `
  create table entries (id serial primary key, transfer_id bigint not null, amount numeric(12,2) not null);
  insert into entries (transfer_id, amount) select g, x from generate_series(1, 50) g, (values (10), (-10)) as t(x);
  insert into entries (transfer_id, amount) values (777, -5), (778, -6.50)`;

export const creditInvariant = {
  cluster: "ledger",
  violations: "select transfer_id, sum(amount) from entries group by 1 having sum(amount) <> 0;",
  repair: "delete from entries where transfer_id = $transfer_id",
  settle: "50ms",
};
