/**
 * One look at a service from outside. The contract for every probe:
 *
 * - it answers within `timeoutMs`, whatever happens, and never throws: not to answer is an answer;
 * - it keeps no connection and no timer after it has answered;
 * - `detail` says in one sentence, without a secret, what was seen.
 */
export type Probe = (timeoutMs: number) => Promise<ProbeResult>;

export type ProbeResult = Readonly<{
  outcome: "good" | "bad" | "refused";
  detail: string;
  tookMs: number;
}>;
