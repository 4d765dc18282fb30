import { killFault } from "./kill.ts";
import { standbysOf } from "./roles.ts";

export const killSynchronous = killFault(
  "kill-synchronous",
  "Every process of the synchronous standby is gone: commits on the primary wait without end.",
  (lab) => standbysOf(lab, "synchronous"),
);
