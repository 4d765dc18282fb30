import { systemClock } from "../../../base/time.ts";
import type { LabStatus, NodeStatus } from "../../../lab/lab.ts";
import { listLabs } from "../../../lab/open.ts";
import { abandonedTrialLabs } from "../../../reproduce/trial/trial-lab.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { ageText, counted } from "../../output/quantities.ts";
import { labsFolder, reproductionsFolder } from "../../system-file.ts";

export async function statusCommand(context: CommandContext): Promise<Outcome> {
  const { out } = context;
  const labs = await listLabs(labsFolder(context.home));
  const now = systemClock.now();
  for (const lab of labs) {
    out.record({ lab });
    out.text(
      `${out.style.bold(lab.name)}  ${stateText(lab)}, ${lab.manager}, PostgreSQL ${lab.version}, made ${ageText(lab.createdAt, now)} ago`,
    );
    out.table(
      lab.nodes.map((node) => [
        `  ${node.name}`,
        roleText(node),
        `port ${node.port}`,
        node.pids.length === 0
          ? { text: "no process", paint: out.style.red }
          : counted(node.pids.length, "process", "processes"),
        node.manager === undefined ? "" : `${lab.manager}: ${node.manager.words}`,
        node.inside ?? "",
      ]),
    );
    out.text(`  clients write at ${lab.clientUrl ?? "no server: they are told of none"}`);
  }
  const left = await abandonedTrialLabs(reproductionsFolder(context.home));
  for (const { name, manager, directory } of left) {
    out.record({ leftBehind: { name, manager, directory } });
    out.text(`${out.style.bold(name)}  left behind by a search that was killed, ${manager}, ${directory}`);
  }
  if (left.length > 0) out.progress("Take down what was left behind: blackstart lab down --all");
  if (labs.length === 0) out.progress("There is no lab. Make one: blackstart lab up");
  else out.progress("How the servers stand towards each other: blackstart status");
  return { result: { labs: labs.length, labsLeftBehind: left.length } };
}

function roleText({ role, madeAs }: NodeStatus): string {
  return role === madeAs ? role : `${role} (made as ${madeAs})`;
}

function stateText({ state }: LabStatus): string {
  return {
    running: "runs",
    "partly-running": "runs in part",
    stopped: "no server runs",
    "being-made": "is being made",
    "half-made": "was never finished; take it down",
    hidden: "belongs to another user, whose processes cannot be seen",
  }[state];
}
