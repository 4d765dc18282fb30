import assert from "node:assert/strict";
import { test } from "node:test";
import { systemWarnings } from "../../src/system/warnings.ts";
import { parse, small } from "./support.ts";

const paths = (text: string) => systemWarnings(parse(text)).map(({ path }) => path);
const clients = "    clients: { file: /run/primary }\n";

test("nothing is said of a file that keeps what it promises", () => {
  assert.deepEqual(paths(`${small}${clients}mitigation: { failover: auto }\n`), []);
});

test("what will disappoint is told", () => {
  assert.deepEqual(paths(small), ["clusters.ledger"]);
  const hostless = small.replace(", host: local", "") + clients;
  assert.deepEqual(paths(hostless), ["clusters.ledger.nodes.pg1"]);
  const auto = `${hostless}mitigation: { failover: auto }\n`;
  assert.deepEqual(paths(auto), ["clusters.ledger.nodes.pg1", "clusters.ledger.nodes.pg1"]);
  assert.deepEqual(paths(auto.replace("clients:", "fence: cut off\n    clients:")), ["clusters.ledger.nodes.pg1"]);
  assert.deepEqual(
    paths(`${small.replace("synchronous: 1", "synchronous: 0")}${clients}mitigation: { failover: auto }\n`),
    ["clusters.ledger.synchronous"],
  );
});
