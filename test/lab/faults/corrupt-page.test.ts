import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import { pageBytes, pageChecksum, storedChecksum, whyNoPage } from "../../../src/drivers/postgres/page.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { postgresVersions } from "../../support/postgres-versions.ts";
import { sharedLab } from "./support.ts";

for (const { title, binaries, skip } of postgresVersions)
  describe(`a damaged page, with ${title}`, { skip }, () => {
    const shared = skip === false ? sharedLab({ binaries, standbys: [] }) : undefined;
    const using = (use: (lab: Lab) => Promise<void>) => () => use((shared as () => Lab)());
    const table = async (lab: Lab, name: string) => {
      await query(lab, "create extension if not exists amcheck");
      await query(lab, `create table ${name} (id int primary key, text text)`);
      await query(lab, `insert into ${name} select n, md5(n::text) from generate_series(1, 5000) n`);
    };

    test(
      "the server's checksums are ours, on every page of a running cluster",
      using(async (lab) => {
        await table(lab, "summed");
        await query(lab, "checkpoint");
        let pages = 0;
        const base = join(lab.node("pg1").dataDirectory, "base");
        for (const folder of readdirSync(base))
          for (const name of readdirSync(join(base, folder)).filter((file) => /^\d+$/.test(file))) {
            const file = readFileSync(join(base, folder, name));
            for (let block = 0; (block + 1) * pageBytes <= file.length; block++) {
              const page = file.subarray(block * pageBytes, (block + 1) * pageBytes);
              if (whyNoPage(page) !== undefined) continue;
              assert.equal(pageChecksum(page, block), storedChecksum(page), `${folder}/${name}, block ${block}`);
              pages++;
            }
          }
        assert.ok(pages > 500, `${pages} pages`);
      }),
    );

    test(
      "checksum: every read of the page is refused",
      using(async (lab) => {
        await table(lab, "wrong_sum");
        await lab.break("corrupt-page", "primary", { relation: "wrong_sum", kind: "checksum", block: "2" });
        await assert.rejects(query(lab, "select count(text) from wrong_sum"), {
          code: "QUERY_FAILED",
          message: /invalid page in block 2 of relation/,
          details: { sqlstate: "XX001" },
        });
      }),
    );

    for (const [kind, says] of [
      ["xmin", /xmin \d+ equals or exceeds next valid transaction ID/],
      ["t-hoff", /data begins at offset \d+ beyond the tuple length \d+/],
      ["line-pointer", /line pointer to page offset \d+ with length \d+ ends beyond maximum page offset/],
    ] as const)
      test(
        `${kind}: its checksum fits, and verify_heapam says what is wrong`,
        using(async (lab) => {
          const name = `wrong_${kind.replace("-", "_")}`;
          await table(lab, name);
          const { done } = await lab.break("corrupt-page", "primary", { relation: name, kind });
          assert.match(done, new RegExp(`Block 0 of ${name} on pg1: `));
          const found = await query(lab, `select msg from verify_heapam('${name}')`);
          assert.match(found.map(({ msg }) => msg).join("\n"), says);
        }),
      );

    test(
      "item-order: bt_index_check finds the order broken",
      using(async (lab) => {
        await table(lab, "wrong_order");
        await lab.break("corrupt-page", "primary", { relation: "wrong_order_pkey", kind: "item-order" });
        await assert.rejects(query(lab, "select bt_index_check('wrong_order_pkey')"), {
          message: /item order invariant violated/,
          details: { sqlstate: "XX002" },
        });
        await query(lab, "reindex index wrong_order_pkey");
        await query(lab, "select bt_index_check('wrong_order_pkey')");
      }),
    );

    test(
      "index-tid: rows are found under another's key, and only heapallindexed tells",
      using(async (lab) => {
        await table(lab, "wrong_tid");
        await lab.break("corrupt-page", "primary", { relation: "wrong_tid_pkey", kind: "index-tid" });
        await query(lab, "select bt_index_check('wrong_tid_pkey')");
        await assert.rejects(query(lab, "select bt_index_check('wrong_tid_pkey', true)"), {
          message: /lacks matching index tuple/,
        });
      }),
    );

    test(
      "zero: rows are gone, and amcheck has nothing to say; an index scan and a sequential one differ",
      using(async (lab) => {
        await table(lab, "zeroed");
        await lab.break("corrupt-page", "primary", { relation: "zeroed", kind: "zero", block: "3" });
        assert.deepEqual(await query(lab, "select msg from verify_heapam('zeroed')"), []);
        await query(lab, "select bt_index_check('zeroed_pkey', true)");
        const [left] = await query(lab, "select count(text)::int as rows from zeroed");
        const gone = 5000 - Number(left?.rows);
        assert.ok(gone > 0 && gone < 5000, `${gone} rows are gone`);
        const [indexed] = await withConnection(lab.node("pg1").url, {}, async (connection) => {
          await connection.query("set enable_seqscan = off");
          return connection.query("select count(*)::int as rows from zeroed where id > 0");
        });
        assert.equal(indexed?.rows, 5000);
      }),
    );

    test(
      "what does not fit is refused, and nothing is changed",
      using(async (lab) => {
        await table(lab, "whole");
        const refused = (parameters: Record<string, string>, code: string) =>
          assert.rejects(lab.break("corrupt-page", "primary", parameters), { code });
        await refused({ relation: "whole", kind: "item-order" }, "NOT_POSSIBLE_NOW");
        await refused({ relation: "whole_pkey", kind: "xmin" }, "NOT_POSSIBLE_NOW");
        await refused({ relation: "whole", kind: "zero", block: "100000" }, "NOT_POSSIBLE_NOW");
        await refused({ relation: "whole_pkey", kind: "index-tid", block: "0" }, "NOT_POSSIBLE_NOW");
        await refused({ relation: "nowhere" }, "QUERY_FAILED");
        await refused({ relation: "whole", kind: "cheksum" }, "USAGE");
        await refused({}, "USAGE");
        assert.deepEqual(await query(lab, "select msg from verify_heapam('whole')"), []);
      }),
    );
  });

function query(lab: Lab, text: string) {
  return withConnection(lab.node("pg1").url, { queryTimeoutMs: 20_000 }, (connection) => connection.query(text));
}
