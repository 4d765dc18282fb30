import type { ProcessFault } from "./fault.ts";
import { kill, stop } from "./signal-faults.ts";

/** The outages of every textbook: a signal, and to whom. */
export const presets: readonly ProcessFault[] = [
  {
    ...kill,
    name: "kill-primary",
    description: "Every process of the primary is gone at once, as after a power cut; its data directory is left.",
    on: "primary.all",
  },
  {
    ...kill,
    name: "kill-postmaster",
    description:
      "The primary's postmaster alone is killed; the others notice and end by themselves, their clients with them.",
    on: "primary.postmaster",
  },
  {
    ...stop,
    name: "hang",
    description: "All processes of the primary are halted: its connections stay open and nothing answers, ever.",
    on: "primary.all",
  },
  {
    ...kill,
    name: "kill-synchronous",
    description: "Every process of the synchronous standby is gone: commits on the primary wait without end.",
    on: "synchronous.all",
  },
  {
    ...kill,
    name: "kill-asynchronous",
    description: "Every process of the asynchronous standby is gone; clients notice nothing.",
    on: "asynchronous.all",
  },
  {
    ...kill,
    name: "kill-all",
    description: "Every process of every node is gone at once, as after a power cut of the whole room.",
    on: "every.all",
  },
];
