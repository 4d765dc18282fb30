import { BlackstartError } from "../../../base/error.ts";
import { type InvariantLook, lookForViolations } from "../../../recover/invariants.ts";
import { recordRecovery } from "../../../recover/record.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { counted } from "../../output/quantities.ts";
import { incidentOfCluster, recoveryRoom, repair, type RepairOptions, worstOf } from "./repair.ts";

export async function invariantsCommand(
  context: CommandContext,
  options: RepairOptions,
  names: readonly string[],
): Promise<Outcome> {
  const { out, signal } = context;
  const room = await recoveryRoom(context);
  const failures: BlackstartError[] = [];
  const looks = await lookForViolations(room, {
    signal,
    failed: (error) => failures.push(error),
    ...(names.length === 0 ? {} : { names }),
  });
  if (looks.length + failures.length === 0)
    out.progress("The system file declares no invariant; see docs/system-file.md.");
  const outcomes: Outcome[] = [];
  for (const look of looks) {
    tell(context, look);
    const incident = await incidentOfCluster(context, look.cluster, options);
    if (look.finding === undefined) {
      const summary = `The invariant ${look.invariant} holds.`;
      await recordRecovery(room.timeline, incident, "invariants", summary, { violations: 0 }, context.actor);
    } else if (look.finding.remedy !== undefined) {
      out.text("");
      try {
        outcomes.push(await repair(context, look.finding.remedy, incident, options));
      } catch (error) {
        if (!(error instanceof BlackstartError)) throw error;
        failures.push(error);
      }
    } else {
      out.progress(`How to put it right is not declared: add \`repair\` to the invariant ${look.invariant}.`);
    }
  }
  // Told last, so that one wrong query or repair hides nothing that the others found.
  const [failure, ...more] = failures;
  for (const error of more) out.progress(error.message);
  if (failure !== undefined) throw failure;
  const violations = looks.reduce((sum, { count }) => sum + count, 0);
  const repaired = violations === 0 || (options.apply === true && outcomes.length === violated(looks));
  return {
    exitCode: worstOf(outcomes, repaired),
    result: {
      violations,
      invariants: looks.map(({ invariant, count }) => ({ invariant, violations: count })),
      plans: outcomes.map(({ result }) => result ?? {}),
    },
  };
}

function tell({ out }: CommandContext, look: InvariantLook): void {
  if (look.finding !== undefined) return out.finding(look.finding);
  const passing = look.passing === 0 ? "" : ` (${counted(look.passing, "row")} of work in progress, not counted)`;
  out.record({ invariant: { name: look.invariant, cluster: look.cluster, violations: 0, passing: look.passing } });
  out.text(`${out.style.green("holds")}     ${look.invariant}${passing}`);
}

function violated(looks: readonly InvariantLook[]): number {
  return looks.filter(({ finding }) => finding !== undefined).length;
}
