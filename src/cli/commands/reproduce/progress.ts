import type { Decision } from "../../../reproduce/minimize/oracle.ts";
import type { TrialResult } from "../../../reproduce/trial/result.ts";
import type { CommandContext } from "../../context.ts";
import { durationText } from "../../output/quantities.ts";

/** How far the trials are, in a line that is written over; what stays is one line for each thing that was decided. */
export interface TrialProgress {
  /** What the trials from here on are for. */
  about(what: string): void;
  trial(result: TrialResult): void;
  decision(decision: Decision): void;
  end(): void;
}

export function trialProgress({ out }: CommandContext): TrialProgress {
  const line = out.liveLine();
  const startedMs = performance.now();
  let about = "";
  let [trials, reproduced, lastMs] = [0, 0, 0];
  const show = () =>
    line.show(
      `  … ${durationText(performance.now() - startedMs)}  ${trials} trials, ${reproduced} reproduced${lastMs > 0 ? `, the last took ${durationText(lastMs)}` : ""}; now: ${about}`,
    );
  return {
    about(what) {
      about = what;
      line.say(`  ${what}`);
      show();
    },
    trial({ outcome, tookMs, moments, leftBehind }) {
      trials += 1;
      lastMs = tookMs;
      if (outcome === "reproduced") reproduced += 1;
      if (outcome === "unresolved") line.say(`  ? ${moments.at(-1)?.what ?? "a trial could not be carried out"}`);
      if (leftBehind !== undefined) line.say(`  ! a lab could not be taken down: ${leftBehind}`);
      show();
    },
    decision: (decision) => line.say(`  ${decision.interesting ? "●" : "○"} ${decisionText(decision)}`),
    end: () => line.end(),
  };
}

/** `3 of 4: kill-primary, no-sync` */
export function decisionText({ configuration, reproduced, trials, how }: Decision): string {
  const names = configuration.length === 0 ? "nothing" : configuration.join(", ");
  const count = how === "ruled-out" ? "ruled out" : `${reproduced} of ${trials}`;
  const doubt =
    how === "exhausted"
      ? " (undecided; the likelier is taken)"
      : how === "unresolved"
        ? " (cannot be carried out)"
        : "";
  return `${count.padStart(10)}  ${names}${doubt}`;
}
