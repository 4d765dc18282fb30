import assert from "node:assert/strict";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { exploreLive, type LiveOptions, type LiveReport } from "../../../../src/reproduce/explore/live/explore.ts";
import { sequenceText } from "../../../../src/reproduce/explore/live/faults.ts";
import { type LiveCluster, liveScenario } from "../../../../src/reproduce/explore/live/scenario.ts";
import { openReproduction } from "../../../../src/reproduce/reproduction.ts";
import type { TrialResult } from "../../../../src/reproduce/trial/result.ts";
import { openSqliteTimeline } from "../../../../src/timeline/sqlite/store.ts";
import { withFolder } from "../../../support/folder.ts";
import { missingFor } from "../../../support/managers.ts";

type Given = Pick<LiveOptions, "faultsMax" | "trialsMax"> & Readonly<{ folder: string; quietForMs: number }>;

/** Answers with the trials that were made for it as well: one that was known already was not made. */
async function explored(
  cluster: LiveCluster,
  { folder, quietForMs, ...limits }: Given,
): Promise<{ report: LiveReport; made: readonly TrialResult[] }> {
  const made: TrialResult[] = [];
  const { signal } = new AbortController();
  const timeline = await openSqliteTimeline(join(folder, "trials.db"));
  const reproduction = await openReproduction({
    scenario: liveScenario(cluster, quietForMs),
    scenarioFolder: folder,
    timeline,
    folder,
    jobs: 1,
    signal,
    onTrial: (result) => made.push(result),
    automate: () => assert.fail("nobody here is to act by himself"),
  });
  try {
    const report = await exploreLive({
      tried: cluster,
      trials: (configuration) => reproduction.trials(configuration),
      repeats: 1,
      statesMax: 100,
      jobs: 3,
      signal,
      ...limits,
    });
    return { report, made };
  } finally {
    await reproduction.close();
    await timeline.close();
  }
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await chmod(folder, 0o755); // Where we are root, others run the servers.
    await use(folder);
  });
}

const withoutPatroni = await missingFor("patroni");

describe("the lab itself is asked", () => {
  it("with nobody who fails over, every loss of the primary leaves a healthy standby without writes", () =>
    inFolder(async (folder) => {
      const cluster: LiveCluster = {
        manager: "streaming",
        standbys: ["asynchronous"],
        proxied: false,
        automation: "none",
      };
      const given: Given = { folder, quietForMs: 3000, faultsMax: 2, trialsMax: 100 };
      const { report, made } = await explored(cluster, given);
      assert.deepEqual(report.failed, []);
      assert.equal(report.ended, undefined);
      assert.deepEqual(
        report.findings.map(({ faults, trouble, rest }) => [sequenceText(faults), trouble, rest.takeWrites]),
        [
          ["pg1 is killed", "blocked", []],
          ["pg1 hangs", "blocked", []],
        ],
      );
      for (const { rest, seen, trials } of report.findings) {
        assert.equal(rest.nodes.find(({ name }) => name === "pg2")?.role, "standby");
        assert.deepEqual([seen, trials], [1, 1]);
        assert.match(rest.refusal ?? "", /\S/);
      }
      // A standby that is lost, and then the primary: nobody could do better.
      const others = report.reached.filter(({ faults }) => faults[0]?.on === "pg2");
      assert.deepEqual(others.map(({ rest }) => rest.nodes.map(({ role }) => role).join()).toSorted(), [
        "down,down",
        "down,silent",
        "primary,down",
        "primary,silent",
        "silent,down",
        "silent,silent",
      ]);

      const again = await explored(cluster, given);
      assert.equal(again.made.length, 0, "what was tried is not tried again");
      assert.deepEqual(again.report.findings, report.findings);
      assert.equal(made.length, report.trials);
    }));

  it(
    "Patroni: a machine that is lost is replaced, a server that is killed is started again",
    { skip: withoutPatroni },
    () =>
      inFolder(async (folder) => {
        const cluster: LiveCluster = {
          manager: "patroni",
          standbys: ["synchronous"],
          proxied: false,
          automation: "none",
          times: { ttl: 7, loopWait: 1, retryTimeout: 3 },
        };
        // The first of the sequences: none, and the first two faults of whoever stands first.
        const { report, made } = await explored(cluster, { folder, quietForMs: 32_000, faultsMax: 1, trialsMax: 3 });
        assert.deepEqual(report.failed, []);
        assert.deepEqual(report.findings, []);
        assert.equal(report.ended, "trials");
        const states = made.map(({ configuration, rest }) => ({
          fault: configuration[0],
          accepted: rest?.accepted,
          roles: rest?.nodes.map(({ role }) => role),
        }));
        const of = (fault: string | undefined) => states.find((state) => state.fault === fault);
        assert.deepEqual(of(undefined)?.roles, ["primary", "synchronous"]);
        assert.deepEqual(of("1-power-off-one-primary"), {
          fault: "1-power-off-one-primary",
          accepted: true,
          roles: ["down", "primary"],
        });
        assert.equal(of("1-kill-one-primary")?.accepted, true);
        assert.equal(of("1-kill-one-primary")?.roles?.includes("down"), false);
      }),
  );
});
