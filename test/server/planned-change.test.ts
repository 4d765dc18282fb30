import assert from "node:assert/strict";
import { test } from "node:test";
import { startUp } from "../../src/server/up.ts";
import { listIncidents } from "../../src/timeline/incident-state.ts";
import { assertWhole, until } from "../mitigate/servers.ts";
import { withWorld } from "../mitigate/world.ts";
import { lowPort } from "./api.ts";

test("a planned switchover under a running watch opens no incident", async () => {
  await withWorld({}, async (world) => {
    const { system, timeline, lab } = world;
    const up = await startUp({ system, timeline, home: lab.directory, port: lowPort(), firstRoundMs: 0 });
    try {
      const nodes = async () =>
        (await (await fetch(`${up.url}/api/status`)).json()) as { nodes: { condition: string }[] };
      await until("all is seen", async () => (await nodes()).nodes.every(({ condition }) => condition === "up"));
      const result = await world.act("switchover", "ledger", { node: "pg2" });
      assert.equal(result.outcome, "done", result.state);
      assert.equal(await assertWhole(world), "pg2");
      const recorded = async () => {
        const kinds = (await timeline.read({ prefix: "watch/" })).map(({ kind }) => kind);
        return kinds.filter((kind) => kind === "finding.cleared").length;
      };
      await until("the watch has seen it pass", async () => (await recorded()) > 0);
      const said = (await listIncidents(timeline)).map(({ title }) => title);
      assert.deepEqual(said, []);
    } finally {
      await up.close();
    }
  });
});
