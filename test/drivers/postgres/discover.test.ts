import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BlackstartError } from "../../../src/base/error.ts";
import { discoverClusters } from "../../../src/drivers/postgres/discover.ts";
import { serverOf } from "../../../src/system/address.ts";
import { type Answers, asks, primary, standby, streams } from "./recorded-facts.ts";

/** What is found, as `name@host:port role`, with `?` where the server was not reached. */
async function found(urls: readonly string[], answers: Answers) {
  const clusters = await discoverClusters(urls, asks(answers));
  return clusters.map(({ nodes, notes }) => ({
    nodes: nodes.map(({ url, facts, applicationName }) => {
      return `${applicationName ?? "-"}@${serverOf(url)} ${facts?.role ?? "?"}`;
    }),
    notes,
    doubts: nodes.flatMap(({ doubts }) => doubts),
  }));
}

const three: Answers = {
  "10.0.0.1:5432": primary({ standbys: [streams("pg2", "10.0.0.2"), streams("pg3", "10.0.0.3")] }),
  "10.0.0.2:5432": standby({ name: "pg2", from: "10.0.0.1:5432" }),
  "10.0.0.3:5432": standby({ name: "pg3", from: "10.0.0.1:5432" }),
};

describe("all three are found from any one of them", () => {
  for (const address of Object.keys(three))
    test(address, async () => {
      assert.deepEqual(await found([`postgres://u:pw@${address}/d`], three), [
        {
          nodes: ["-@10.0.0.1:5432 primary", "pg2@10.0.0.2:5432 standby", "pg3@10.0.0.3:5432 standby"],
          notes: [],
          doubts: [],
        },
      ]);
    });
});

test("what is named several times, by several addresses, is one server", async () => {
  const urls = ["postgres://10.0.0.1/d", "postgres://db1/d", "postgres://10.0.0.1:5432/other", "postgres://10.0.0.2/d"];
  const [cluster] = await found(urls, { ...three, "db1:5432": three["10.0.0.1:5432"] as never });
  assert.deepEqual(cluster?.nodes.length, 3);
});

test("a standby at the primary's port is found, and one at a port that nobody knows is a doubt", async () => {
  const [cluster] = await found(["postgres://10.0.0.1:6000/d"], {
    "10.0.0.1:6000": primary({ standbys: [streams("pg2", "10.0.0.2"), streams("pg3", "10.0.0.3")] }),
    "10.0.0.2:6000": standby({ name: "pg2", from: "10.0.0.1:6000" }),
    "10.0.0.3:7777": standby({ name: "pg3", from: "10.0.0.1:6000" }),
  });
  assert.deepEqual(cluster, {
    nodes: ["-@10.0.0.1:6000 primary", "pg2@10.0.0.2:6000 standby", "pg3@10.0.0.3:6000 ?"],
    notes: [],
    doubts: [
      "it connects to the primary from 10.0.0.3, but could not be asked: its port is not known, 6000 is assumed; give its address as well: blackstart init <url1> <url2>",
    ],
  });
});

test("a standby that does not let us in is taken for it, and that is said", async () => {
  const answers = asks({ "10.0.0.1:6000": primary({ standbys: [streams("pg2", "10.0.0.2")] }) });
  const [cluster] = await discoverClusters(["postgres://u:pw@10.0.0.1:6000/d"], async (url) => {
    if (serverOf(url) !== "10.0.0.2:5432") return answers(url);
    const cause = new Error('no pg_hba.conf entry for host "10.0.0.9"');
    throw new BlackstartError("UNREACHABLE", { what: "x", why: "x", next: "x", details: { sqlstate: "28000" }, cause });
  });
  const refused = cluster?.nodes[1];
  assert.equal(serverOf(refused?.url ?? ""), "10.0.0.2:5432");
  assert.deepEqual(refused?.doubts, [
    'it connects to the primary from 10.0.0.2; the server at 10.0.0.2:5432 did not let us in (no pg_hba.conf entry for host "10.0.0.9") and is taken for it',
  ]);
});

test("a server of another cluster that answers there is not taken for the standby", async () => {
  const [cluster] = await found(["postgres://10.0.0.1/d"], {
    "10.0.0.1:5432": primary({ standbys: [streams("pg2", "10.0.0.2")] }),
    "10.0.0.2:5432": standby({ name: "pg2", from: "10.0.0.9:5432", system: "other" }),
  });
  assert.deepEqual(cluster?.nodes, ["-@10.0.0.1:5432 primary", "pg2@10.0.0.2:5432 ?"]);
});

test("several standbys at one address: those that were named are told apart, the other is told", async () => {
  const answers: Answers = {
    "127.0.0.1:5001": primary({ standbys: [streams("a", "127.0.0.1"), streams("b", "127.0.0.1")] }),
    "127.0.0.1:5002": standby({ name: "b", from: "127.0.0.1:5001" }),
    "127.0.0.1:5432": primary({ system: "other" }),
  };
  const [cluster] = await found(["postgres://127.0.0.1:5001/d", "postgres://127.0.0.1:5002/d"], answers);
  assert.deepEqual(cluster?.nodes, ["-@127.0.0.1:5001 primary", "b@127.0.0.1:5002 standby", "a@127.0.0.1:5432 ?"]);
});

test("standbys that nobody named are told apart by their addresses", async () => {
  const [cluster] = await found(["postgres://10.0.0.1/d"], {
    "10.0.0.1:5432": primary({ standbys: [streams("walreceiver", "10.0.0.2"), streams("walreceiver", "10.0.0.3")] }),
    "10.0.0.2:5432": standby({ from: "10.0.0.1:5432" }),
    "10.0.0.3:5432": standby({ from: "10.0.0.1:5432" }),
  });
  assert.deepEqual(cluster?.nodes, ["-@10.0.0.1:5432 primary", "-@10.0.0.2:5432 standby", "-@10.0.0.3:5432 standby"]);
});

test("a cascade is followed in both directions", async () => {
  const answers: Answers = {
    "10.0.0.1:5432": primary({ standbys: [streams("pg2", "10.0.0.2")] }),
    "10.0.0.2:5432": standby({ name: "pg2", from: "10.0.0.1:5432", standbys: [streams("pg3", "10.0.0.3")] }),
    "10.0.0.3:5432": standby({ name: "pg3", from: "10.0.0.2:5432" }),
  };
  for (const address of ["10.0.0.1", "10.0.0.3"]) {
    const [cluster] = await found([`postgres://${address}/d`], answers);
    assert.deepEqual(cluster?.nodes.toSorted(), [
      "-@10.0.0.1:5432 primary",
      "pg2@10.0.0.2:5432 standby",
      "pg3@10.0.0.3:5432 standby",
    ]);
  }
});

test("a standby whose receiver is down leads to its primary by its primary_conninfo", async () => {
  const [cluster] = await found(["postgres://10.0.0.2/d"], {
    "10.0.0.1:5432": primary({}),
    "10.0.0.2:5432": standby({ name: "pg2", conninfo: "host=10.0.0.9,10.0.0.1 port=5432 application_name=pg2" }),
  });
  assert.deepEqual(cluster?.nodes, ["-@10.0.0.1:5432 primary", "pg2@10.0.0.2:5432 standby"]);
});

test("a server of another cluster that stands where the primary was is not taken for it", async () => {
  const clusters = await found(["postgres://10.0.0.2/d"], {
    "10.0.0.1:5432": primary({ system: "other" }),
    "10.0.0.2:5432": standby({ name: "pg2", conninfo: "host=10.0.0.1 application_name=pg2" }),
  });
  assert.deepEqual(
    clusters.map(({ nodes }) => nodes),
    [["pg2@10.0.0.2:5432 standby"]],
  );
});

test("what streams and is no standby is told, and is no node", async () => {
  const [cluster] = await found(["postgres://10.0.0.1/d"], {
    "10.0.0.1:5432": primary({
      standbys: [
        streams("pg_receivewal", "10.0.0.8"),
        streams("pg_basebackup", "10.0.0.8", "backup"),
        streams("warehouse", "10.0.0.9"),
        streams("", null, "unknown"),
      ],
      slots: [{ name: "dwh", kind: "logical", active: true, applicationName: "warehouse" }],
    }),
  });
  assert.deepEqual(cluster?.nodes, ["-@10.0.0.1:5432 primary"]);
  assert.deepEqual(cluster?.notes, [
    "pg_receivewal streams as well; it is no standby",
    "a base backup is being taken (pg_basebackup)",
    "“warehouse” reads by the logical slot dwh; it is no standby",
    "a standby streams, but u may not see from where: grant pg_monitor to u, and run init again",
  ]);
});

test("a server that was named but does not answer is kept, with a doubt; servers of two systems are two clusters", async () => {
  const clusters = await found(["postgres://10.0.0.1/d", "postgres://10.0.0.4/d", "postgres://10.0.1.1/d"], {
    ...three,
    "10.0.1.1:5432": primary({ system: "other" }),
  });
  assert.equal(clusters.length, 2);
  assert.equal(clusters[0]?.nodes.at(-1), "-@10.0.0.4:5432 ?");
  assert.match(clusters[0]?.doubts[0] ?? "", /could not be asked \(Nothing listens there/);
  assert.deepEqual(clusters[1]?.nodes, ["-@10.0.1.1:5432 primary"]);
});

test("nobody answers: the first failure; nothing named: how to", async () => {
  await assert.rejects(found(["postgres://10.0.0.4/d"], three), { code: "UNREACHABLE" });
  await assert.rejects(found([], three), (error) => error instanceof BlackstartError && error.code === "USAGE");
});

test("servers that name each other without end are asked a limited number of times", async () => {
  let asked = 0;
  const everywhere = asks({});
  const endless = async (url: string) => {
    asked++;
    const number = Number(new URL(url).hostname.split(".")[3]);
    if (Number.isNaN(number)) return everywhere(url);
    return standby({ name: `n${number}`, from: `10.0.0.${number + 1}:5432` });
  };
  const [cluster] = await discoverClusters(["postgres://10.0.0.1/d"], endless);
  assert.equal(cluster?.nodes.length, 32);
  assert.ok(asked <= 40, String(asked));
});
