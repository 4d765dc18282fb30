import assert from "node:assert/strict";
import { test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { localHost } from "../../../src/drivers/host/local.ts";
import { withConnection } from "../../../src/drivers/postgres/connection.ts";
import { openInstance } from "../../../src/drivers/postgres/instance/open-instance.ts";
import { lsnAhead } from "../../../src/drivers/postgres/lsn.ts";
import { withLab } from "../../support/lab.ts";
import { everyMajor } from "../../support/postgres-versions.ts";

for (const { title, binaries, skip } of everyMajor)
  test(`a ${title} that dies right after its promotion is on its new timeline, before any checkpoint`, { skip }, () =>
    withLab({ binaries, standbys: ["asynchronous"] }, async (lab) => {
      const { url, dataDirectory } = lab.node("pg2");
      const place = { configFile: undefined, binaries, start: undefined, stop: undefined };
      const pg2 = openInstance({ host: localHost(), node: "pg2", dataDirectory, ...place });
      const before = await pg2.diskEnd();
      assert.deepEqual([before.timelineId, before.ancestors], [1, []]);
      await withConnection(url, {}, async (connection) => {
        // A checkpoint takes its time; what is asked here is the moment before it.
        await connection.query("alter system set checkpoint_timeout = '1h'");
        await connection.query("select pg_promote(false)");
        const isPrimary = async () => {
          const [row] = await connection.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
          return row?.standby === false ? true : undefined;
        };
        assert.ok(await pollUntil(isPrimary, { everyMs: 1, timeoutMs: 60_000 }));
      });
      await pg2.kill();
      const { disk } = await pg2.remains();
      assert.deepEqual([disk?.timelineId, disk?.ancestors?.map(({ timelineId }) => timelineId)], [2, [1]]);
      assert.ok(lsnAhead(disk?.lsn ?? "0/0", disk?.ancestors?.[0]?.endLsn ?? "") > 0, "and beyond where that began");
      assert.equal((await pg2.control()).timelineId, 2);
    }),
  );
