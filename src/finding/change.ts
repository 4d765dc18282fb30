import type { Instant } from "../base/time.ts";
import type { Finding } from "./finding.ts";

/** What became wrong and what became right again since the last look, seen at one moment. */
export type FindingsChange = Readonly<{
  at: Instant;
  raised: readonly Finding[];
  cleared: readonly Pick<Finding, "code" | "subject">[];
}>;
