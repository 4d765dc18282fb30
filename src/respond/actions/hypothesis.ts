import { BlackstartError } from "../../base/error.ts";
import { unknown } from "../../system/names.ts";
import type { IncidentEvent } from "../../timeline/incident.ts";
import type { Hypothesis, IncidentState } from "../../timeline/incident-fold.ts";
import { type ActionContext, changeIncident } from "./change-incident.ts";
import { textOf } from "./said.ts";

/*
 * What can be said of a hypothesis once it is raised.
 *
 *   raised ─► ruled-out | confirmed        and from either to the other, with new evidence: at 3 am people err.
 */

/** Something that speaks for it. Its state stays. */
export const supportHypothesis = saying((hypothesis, text) => ({
  kind: "incident.hypothesis-evidence",
  data: { hypothesis: hypothesis.id, for: true, text },
}));

/** Something that speaks against it. Its state stays. */
export const contradictHypothesis = saying((hypothesis, text) => ({
  kind: "incident.hypothesis-evidence",
  data: { hypothesis: hypothesis.id, for: false, text },
}));

/** It was not that, and this is how we know. */
export const ruleOutHypothesis = saying((hypothesis, text) => {
  if (hypothesis.state === "ruled-out") throw already(hypothesis, "ruled out", "contradict");
  return { kind: "incident.hypothesis-ruled-out", data: { hypothesis: hypothesis.id, evidence: text } };
});

/** It was that, and this is how we know. */
export const confirmHypothesis = saying((hypothesis, text) => {
  if (hypothesis.state === "confirmed") throw already(hypothesis, "confirmed", "support");
  return { kind: "incident.hypothesis-confirmed", data: { hypothesis: hypothesis.id, evidence: text } };
});

function saying(event: (hypothesis: Hypothesis, text: string) => IncidentEvent) {
  return async (
    context: ActionContext,
    incident: string,
    asked: Readonly<{ hypothesis: string; text: string }>,
  ): Promise<IncidentState> => {
    const text = textOf("the evidence", asked.text);
    return changeIncident(context, incident, (state) => [event(hypothesisOf(state, asked.hypothesis), text)]);
  };
}

/** By its id: `h2`, or only `2`. */
function hypothesisOf(state: IncidentState, asked: string): Hypothesis {
  const found = state.hypotheses.find(({ id }) => id === asked || id === `h${asked}`);
  if (found !== undefined) return found;
  throw unknown(
    "hypothesis",
    asked,
    state.hypotheses.map(({ id }) => id),
  );
}

function already(hypothesis: Hypothesis, state: string, verb: string): BlackstartError {
  const last = hypothesis.evidence.at(-1);
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `Hypothesis ${hypothesis.id} is ${state} already.`,
    why: last === undefined ? `“${hypothesis.text}”` : `${last.by} said at ${last.at}: ${last.text}`,
    next: `To add evidence that changes nothing, use \`${verb}\`.`,
    details: { hypothesis: hypothesis.id },
  });
}
