import { killFault } from "./kill.ts";
import { standbysOf } from "./roles.ts";

export const killAsynchronous = killFault(
  "kill-asynchronous",
  "Every process of the asynchronous standby is gone; clients notice nothing.",
  (lab) => standbysOf(lab, "asynchronous"),
);
