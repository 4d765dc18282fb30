import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "../../src/drivers/postgres/connection.ts";
import type { RecoveryContext } from "../../src/recover/context.ts";
import { fateOfRepair } from "../../src/recover/repair/fate.ts";
import { repairInvariant } from "../../src/recover/repair/transaction.ts";
import { undoRepair } from "../../src/recover/repair/undo.ts";
import { withFolder } from "../support/folder.ts";
import { creditInvariant, fleetOf, ledgerTables, servers, systemOf, withServer } from "./support.ts";

const postgres = servers[0]?.[1];

test(
  "whether a repair was committed is found out: by its number, and after a failover by its rows",
  {
    skip: postgres === undefined ? "no PostgreSQL server binaries" : false,
  },
  () =>
    withFolder((folder) =>
      withServer(postgres as string, folder, {}, async (server) => {
        await server.query(ledgerTables);
        const context = { system: systemOf(server.url), fleet: fleetOf(server.url) } as unknown as RecoveryContext;
        const file = join(folder, "p.jsonl");
        assert.equal(await fateOfRepair(context, file), "none");
        const { violations, repair } = creditInvariant;
        const request = {
          plan: "p",
          invariant: "credit",
          cluster: "ledger",
          violations,
          repair: [repair],
          settleMs: 1,
        };
        const apply = { file, violationsMax: 2, acceptDoubts: false };

        // It ends right before the commit: the before-image is there, the transaction is not.
        const lost = { ...apply, assertHeld: () => Promise.reject(new Error("the lease is lost")) };
        await assert.rejects(repairInvariant(context, { ...request, apply: lost }), /lease is lost/);
        assert.equal(await fateOfRepair(context, file), "aborted");
        await repairInvariant(context, { ...request, apply: { ...apply, assertHeld: async () => undefined } });
        assert.equal(await fateOfRepair(context, file), "committed");

        // Even if the server forgets what it had not written: the number is never given to another transaction.
        await server.kill();
        await server.start();
        assert.equal(await fateOfRepair(context, file), "committed");

        // On another timeline the number says nothing; the rows do.
        const text = await readFile(file, "utf8");
        await writeFile(file, text.replace('"timelineId":1', '"timelineId":7'));
        assert.equal(await fateOfRepair(context, file), "committed");
        const connection = await connect(server.url);
        const observer = await connect(server.url);
        const undo = join(folder, "undo.jsonl");
        await undoRepair(connection, file, { observer, file: undo, assertHeld: async () => undefined });
        await Promise.all([connection.close(), observer.close()]);
        assert.equal(await fateOfRepair(context, file), "aborted");
        await server.query("update entries set amount = -7 where transfer_id = 777");
        assert.equal(await fateOfRepair(context, file), "unknown");
      }),
    ),
);
