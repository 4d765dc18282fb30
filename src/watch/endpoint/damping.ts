/*
 * From single probes to a state that does not flap.
 *
 *   unknown ─► good | bad          by the first probe that is confirmed
 *   good ─► bad                    2 bad ones in a row
 *   bad ─► good                    2 good ones in a row
 *
 * While the state has changed more than four times in the last minute it flaps: then it goes to bad with 3 bad ones of
 * the last 5, and to good with 5 good ones in a row. A probe that contradicts the state is repeated soon (`again`), so
 * that the first failure after a good time is known in a tenth of a second and not in the next round.
 */
export type DampingState = Readonly<{
  state: "unknown" | "good" | "bad";
  /** The last probes, the newest last. */
  recent: readonly boolean[];
  /** When the state changed, in milliseconds; the last minute. */
  changesMs: readonly number[];
}>;

export const undamped: DampingState = { state: "unknown", recent: [], changesMs: [] };

const recentCount = 5;
const flapWindowMs = 60_000;
const flapChanges = 4;

export function damp(before: DampingState, isGood: boolean, nowMs: number): DampingState & { again: boolean } {
  const recent = [...before.recent, isGood].slice(-recentCount);
  const changesMs = before.changesMs.filter((ms) => nowMs - ms < flapWindowMs);
  const next = nextState(before.state, recent, changesMs.length > flapChanges);
  const changed = next !== before.state;
  return {
    state: next,
    recent,
    changesMs: changed && before.state !== "unknown" ? [...changesMs, nowMs] : changesMs,
    again: !changed && (before.state === "unknown" || isGood !== (before.state === "good")),
  };
}

function nextState(state: DampingState["state"], recent: readonly boolean[], flaps: boolean): DampingState["state"] {
  const lastTwo = (wanted: boolean) => recent.length >= 2 && recent.slice(-2).every((good) => good === wanted);
  const count = (wanted: boolean) => recent.filter((good) => good === wanted).length;
  switch (state) {
    case "unknown":
      // The very first good probe is enough: nothing is claimed by it.
      return recent.at(-1) === true ? "good" : lastTwo(false) ? "bad" : "unknown";
    case "good":
      return (flaps ? count(false) >= 3 : lastTwo(false)) ? "bad" : "good";
    case "bad":
      return (flaps ? count(true) >= recentCount : lastTwo(true)) ? "good" : "bad";
  }
}
