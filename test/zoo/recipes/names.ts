import type { Recipe } from "../recipe.ts";

/* How standbys are called, and who of them a commit waits for. */

const nameless = { pg1: {}, pg2: { conninfo: "" }, pg3: { conninfo: "" } };
const both = ["pg2", "pg3"];

export const names: readonly Recipe[] = [
  {
    name: "no-names",
    about: "Nobody has set application_name or cluster_name: all are walreceiver.",
    nodes: nameless,
    synchronous: "*",
    synchronousNodes: both,
  },
  {
    name: "cluster-names",
    about: "No application_name: a standby is called as its cluster_name says.",
    nodes: {
      pg1: { settings: { cluster_name: "one" } },
      pg2: { conninfo: "", settings: { cluster_name: "two" } },
      pg3: { conninfo: "", settings: { cluster_name: "three" } },
    },
    synchronous: "FIRST 1 (two)",
  },
  {
    name: "any-one",
    about: "A quorum: each commit waits for one of the two.",
    synchronous: "ANY 1 (pg2, pg3)",
    synchronousNodes: both,
  },
  {
    name: "any-two",
    about: "A quorum: each commit waits for two of the three.",
    nodes: { pg1: {}, pg2: {}, pg3: {}, pg4: {} },
    synchronous: "ANY 2 (pg2, pg3, pg4)",
    synchronousNodes: both,
    promised: 2,
  },
  {
    name: "asynchronous",
    about: "Nobody is waited for.",
    synchronous: "",
    expect: {
      // What the dead primary had acknowledged last may be missing everywhere: a person has to accept that.
      failover: { refused: "acknowledged-writes", orDone: true },
      "degrade-synchronous": { refused: "already" },
    },
  },
];
