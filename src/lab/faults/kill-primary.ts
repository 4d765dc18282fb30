import { killFault } from "./kill.ts";
import { primariesOf } from "./roles.ts";

export const killPrimary = killFault(
  "kill-primary",
  "Every process of the primary is gone at once, as after a power cut; its data directory is left.",
  primariesOf,
);
