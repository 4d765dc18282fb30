import { z } from "zod";
import { managerOf } from "../managers.ts";
import type { NetworkState } from "../proxy/network.ts";
import type { LabRecord, NodeRecord } from "../record.ts";
import { type LabFault, noParameters } from "./fault.ts";
import { namesOf } from "./server.ts";

const facts = {
  kind: "lab",
  undo: "`heal` opens the network again.",
  needs: "a lab with a proxy before each node: `lab up --proxied`",
  on: "primary",
  heal: async (lab: LabRecord, nodes: readonly NodeRecord[]) => {
    await set(lab, nodes, "open");
    return `The network to ${namesOf(nodes)} is open again.`;
  },
} as const;

export const cut: LabFault = {
  ...facts,
  name: "cut",
  description:
    "The network to the primary is cut: its connections, also those of replication, are reset, new ones refused.",
  parameters: noParameters,
  inject: (lab, nodes) => setAndTell(lab, nodes, "cut", "cut"),
};

export const blackHole: LabFault = {
  ...facts,
  name: "black-hole",
  description: "The network to the primary swallows everything: connections stay open, and nothing comes or goes.",
  parameters: noParameters,
  inject: (lab, nodes) => setAndTell(lab, nodes, "black-hole", "a black hole"),
};

const slowness = z.strictObject({
  latencyMs: z.coerce
    .number({ error: "is no number" })
    .int()
    .min(0)
    .max(60_000)
    .default(200)
    .describe("What each way takes longer, in ms."),
  kilobytesPerSecond: z.coerce
    .number({ error: "is no number" })
    .positive()
    .max(1_000_000)
    .optional()
    .describe("What a connection carries each way; without it: as much as there is."),
});

export const slow: LabFault<z.output<typeof slowness>> = {
  ...facts,
  name: "slow",
  description: "The network to the primary is slow: everything arrives, late and no more of it than the line carries.",
  parameters: slowness,
  inject(lab, nodes, { latencyMs, kilobytesPerSecond }) {
    const line = kilobytesPerSecond === undefined ? "" : `, ${kilobytesPerSecond} kB/s`;
    const bytesPerSecond = kilobytesPerSecond === undefined ? null : kilobytesPerSecond * 1000;
    return setAndTell(lab, nodes, { latencyMs, bytesPerSecond }, `slow (${latencyMs} ms each way${line})`);
  },
};

async function setAndTell(lab: LabRecord, nodes: readonly NodeRecord[], state: NetworkState, inWords: string) {
  await set(lab, nodes, state);
  return {
    done: `The network to ${namesOf(nodes)} is now ${inWords}.`,
    tookEffect: async () =>
      nodes.every((node) => JSON.stringify(managerOf(lab).networkOf(lab, node)) === JSON.stringify(state)),
  };
}

async function set(lab: LabRecord, nodes: readonly NodeRecord[], state: NetworkState): Promise<void> {
  for (const node of nodes) await managerOf(lab).setNetwork(lab, node, state);
}
