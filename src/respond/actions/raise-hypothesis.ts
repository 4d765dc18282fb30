import { BlackstartError } from "../../base/error.ts";
import type { IncidentState } from "../../timeline/incident-fold.ts";
import { type ActionContext, changeIncident } from "./change-incident.ts";
import { textOf } from "./said.ts";

const hypothesesMax = 200;

/** “It may be that …”. They are numbered h1, h2, …; answers which it became. One that stands there already is that one. */
export async function raiseHypothesis(
  context: ActionContext,
  incident: string,
  text: string,
): Promise<{ state: IncidentState; hypothesis: string }> {
  const said = textOf("a hypothesis", text);
  const state = await changeIncident(context, incident, ({ id, hypotheses }) => {
    if (hypotheses.some((known) => known.text === said)) return [];
    if (hypotheses.length >= hypothesesMax) throw tooMany(id);
    return [{ kind: "incident.hypothesis-raised", data: { hypothesis: `h${hypotheses.length + 1}`, text: said } }];
  });
  const hypothesis = state.hypotheses.findLast((known) => known.text === said)?.id;
  return { state, hypothesis: hypothesis as string };
}

function tooMany(id: string): BlackstartError {
  return new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `Incident ${id} has ${hypothesesMax} hypotheses.`,
    why: "More help nobody.",
    next: "Rule some out, or write a note.",
  });
}
