import { killFault } from "./kill.ts";
import { isRunning } from "../servers.ts";

export const killEverything = killFault(
  "kill-all",
  "Every process of every node is gone at once, as after a power cut of the whole room.",
  (lab) => lab.nodes.filter(isRunning),
);
