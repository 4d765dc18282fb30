import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { BlackstartError } from "../../src/base/error.ts";
import type { Lab } from "../../src/lab/lab.ts";
import { parseScenario } from "../../src/reproduce/scenario/load.ts";
import { runTrial } from "../../src/reproduce/trial/trial.ts";
import type { Means } from "../../src/reproduce/trial/world.ts";

const scenario = parseScenario("scenario: s\nfactors: [{ id: a, sql: select 1 }]\nsymptom: { lost-writes: true }", {
  path: "s.yaml",
});

/** A trial whose cluster is made, kept and taken down so. */
function trial(changes: Partial<Means>) {
  const means: Means = {
    scenarioFolder: "/",
    makeLab: () => assert.fail("says how"),
    automate: () => assert.fail("nobody asks for it"),
    keepLogs: async () => undefined,
    ...changes,
  };
  return runTrial(scenario, ["a"], means, new AbortController().signal);
}

const failing = (thrown: unknown) => ({
  makeLab: async () => {
    throw thrown;
  },
});
const systemError = (code: string) =>
  Object.assign(new Error(`${code}: no luck, mkdir '/x'`), { code, syscall: "mkdir" });

const noAddress = new BlackstartError("NOT_POSSIBLE_NOW", {
  what: "There is no address.",
  why: "Nobody has it.",
  next: "",
});

/** A trial with it ends as soon as it asks where the clients are led. */
function labThat(down: Lab["down"]): Lab {
  return {
    name: "lab-1",
    directory: "/labs/lab-1",
    nodes: [],
    clientUrl: () => Promise.reject(noAddress),
    down,
  } as unknown as Lab;
}

describe("a trial that fails", () => {
  it("is unresolved where the machine failed, and says why", async () => {
    const missing = await readFile("/no/such/file").catch((error: unknown) => error);
    const copied = await promisify(execFile)("cp", ["/no/such/file", "/"]).catch((error: unknown) => error);
    for (const [error, says] of [
      [systemError("EMFILE"), /EMFILE: no luck/],
      [missing, /ENOENT.*\/no\/such\/file/],
      [copied, /Command failed: cp/],
      [new AggregateError([systemError("EIO"), systemError("EMFILE")]), /EIO.*EMFILE/],
      [
        new BlackstartError("LAB_FAILED", { what: "It broke.", why: "Nobody knows.", next: "" }),
        /It broke\. Nobody knows\./,
      ],
    ] as const) {
      const { outcome, moments } = await trial(failing(error));
      assert.equal(outcome, "unresolved");
      assert.match(moments.at(-1)?.what ?? "", says);
    }
  });

  it("ends all where there is no room, so that nothing is concluded from it", async () => {
    const said = new BlackstartError("LAB_FAILED", { what: "x", why: "FATAL: No space left on device", next: "" });
    for (const error of [systemError("ENOSPC"), new AggregateError([new Error("x"), systemError("EDQUOT")]), said])
      await assert.rejects(trial(failing(error)), {
        code: "LAB_FAILED",
        message: /no room left/,
        next: /goes on where it was/,
      });
  });

  it("ends all where the fault is our own", async () => {
    await assert.rejects(trial(failing(new TypeError("x is not a function"))), TypeError);
    await assert.rejects(trial(failing(new AggregateError([systemError("EIO"), new TypeError("x")]))), AggregateError);
  });

  it("keeps what it showed where its lab cannot be taken down, and names that", async () => {
    const lab = labThat(() => Promise.reject(new Error("it hangs in the kernel")));
    const { outcome, leftBehind } = await trial({ makeLab: async () => lab });
    assert.equal(outcome, "unresolved");
    assert.equal(leftBehind, "lab-1 in /labs/lab-1: it hangs in the kernel");
  });

  it("waits for the clients' address, for a manager may be a moment without a leader", async () => {
    let looks = 0;
    const clientUrl = async () => (++looks < 3 ? undefined : Promise.reject(noAddress));
    const { moments } = await trial({ makeLab: async () => ({ ...labThat(async () => undefined), clientUrl }) });
    assert.equal(looks, 3);
    assert.match(moments.at(-1)?.what ?? "", /There is no address/);
  });

  it("keeps what it showed where its logs cannot be kept", async () => {
    let taken = 0;
    const lab = labThat(async () => void (taken += 1));
    const { outcome, moments } = await trial({
      makeLab: async () => lab,
      keepLogs: () => Promise.reject(systemError("EACCES")),
    });
    assert.equal(outcome, "unresolved");
    assert.match(moments.at(-2)?.what ?? "", /logs could not be kept: EACCES/);
    assert.match(moments.at(-1)?.what ?? "", /could not be carried out/);
    assert.equal(taken, 1);
  });
});
