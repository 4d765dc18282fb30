import { labOf, recordsIn } from "../../../lab/open.ts";
import { abandonedTrialLabs, clearTrialSpares } from "../../../reproduce/trial/trial-lab.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { labsFolder, reproductionsFolder } from "../../system-file.ts";
import { chooseLab } from "./choose.ts";

export async function downCommand(
  context: CommandContext,
  options: Readonly<{ all?: boolean; lab?: string }>,
  name?: string,
): Promise<Outcome> {
  const home = labsFolder(context.home);
  const labs = options.all
    ? [...recordsIn(home).map(labOf), ...(await abandonedTrialLabs(reproductionsFolder(context.home)))]
    : [await chooseLab(context, name ?? options.lab)];
  for (const lab of labs) {
    await lab.down();
    context.out.text(`The lab ${lab.name} is gone, with its processes and its directory.`);
  }
  if (options.all) await clearTrialSpares(reproductionsFolder(context.home));
  if (labs.length === 0) context.out.progress("There is no lab.");
  return { result: { labs: labs.map((lab) => lab.name) } };
}
