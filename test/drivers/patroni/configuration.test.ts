import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/base/time.ts";
import { localHost } from "../../../src/drivers/host/local.ts";
import { askPatroni } from "../../../src/drivers/patroni/configuration.ts";
import { captureCluster } from "../../../src/reproduce/capture/capture.ts";
import { captureText } from "../../../src/reproduce/capture/file.ts";
import { parseSystem } from "../../../src/system/load.ts";
import { noPatroni, withPatroni } from "./one-patroni.ts";

test(
  "a Patroni is found by its data directory, and tells what is in its store and in its file",
  { skip: noPatroni },
  () =>
    withPatroni({ tags: { nofailover: false, nosync: true } }, async ({ dataDirectory, rest, port }) => {
      const found = await askPatroni({ host: localHost(), address: undefined, dataDirectory });
      assert.deepEqual(found.missing, []);
      assert.match(found.version ?? "", /^\d+\.\d+/);
      assert.equal(found.dynamic?.maximum_lag_on_failover, 4242);
      assert.deepEqual(found.local?.tags, { nofailover: false, nosync: true });
      assert.deepEqual(
        (found.local?.restapi as { connect_address?: string } | undefined)?.connect_address,
        `127.0.0.1:${rest}`,
      );

      const elsewhere = await askPatroni({
        host: localHost(),
        address: "127.0.0.1",
        dataDirectory: `${dataDirectory}-other`,
      });
      assert.equal(elsewhere.local, undefined, "another's file was taken");
      assert.equal(elsewhere.missing[0]?.what, "patroni.yml");

      const node = `{ url: "postgres://postgres:geheim@127.0.0.1:${port}/postgres", host: local, data: "${dataDirectory}" }`;
      const text = `system: s\nclusters: { ledger: { manager: patroni, nodes: { p1: ${node} } } }\n`;
      const system = parseSystem(text, { path: "x", environment: {} });
      const capture = await captureCluster({ system, cluster: "ledger", clock: systemClock });
      assert.equal(capture.patroni?.maximum_lag_on_failover, 4242);
      assert.equal(capture.nodes.p1?.patroni?.version, found.version);
      assert.doesNotMatch(captureText(capture), /geheim/);
    }),
);

test("where no Patroni answers it is said", async () => {
  const { missing, dynamic } = await askPatroni({ host: undefined, address: undefined, dataDirectory: undefined });
  assert.equal(dynamic, undefined);
  assert.deepEqual(
    missing.map(({ what }) => what),
    ["patroni.yml", "Patroni's /patroni", "Patroni's /config"],
  );
});
