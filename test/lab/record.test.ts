import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { openLab } from "../../src/lab/open.ts";
import { withLab } from "../support/lab.ts";

it("a record that speaks of another place than where it lies is no lab's: nothing is taken down in its name", () =>
  withLab({ standbys: [] }, async (lab) => {
    const home = join(lab.directory, "elsewhere");
    mkdirSync(join(home, "copied"), { recursive: true });
    cpSync(join(lab.directory, "lab.json"), join(home, "copied", "lab.json"));
    await assert.rejects(openLab("copied", home), { code: "UNKNOWN_NAME" });

    const record = JSON.parse(readFileSync(join(lab.directory, "lab.json"), "utf8"));
    for (const forged of [
      { nodesDirectory: "/etc" },
      { nodes: [{ ...record.nodes[0], dataDirectory: `${join(home, "forged")}/../../victim` }] },
      { nodes: [{ ...record.nodes[0], dataDirectory: join(lab.directory, "victim") }] },
    ]) {
      const directory = join(home, "forged");
      mkdirSync(directory, { recursive: true });
      writeFileSync(
        join(directory, "lab.json"),
        JSON.stringify({ ...record, directory, nodesDirectory: directory, ...forged }),
      );
      await assert.rejects(openLab("forged", home), { code: "UNKNOWN_NAME" });
    }
  }));
