import { BlackstartError } from "../../base/error.ts";
import type { Host } from "../host/host.ts";
import { type Missing, orMissing } from "../missing.ts";

/** How Pacemaker and Corosync are configured, secrets included: nobody may keep this as it is. */
export type PacemakerConfiguration = Readonly<{
  version: string | undefined;
  /** The cluster information base as XML, without its status. */
  cib: string | undefined;
  corosyncVersion: string | undefined;
  /** corosync.conf, as it stands there. */
  corosync: string | undefined;
  missing: readonly Missing[];
}>;

/** Asks one member; needs root or the group haclient there. */
export async function askPacemaker(host: Host): Promise<PacemakerConfiguration> {
  const missing: Missing[] = [];
  const asked = (what: string, script: string) => orMissing(missing, what, () => output(host, script));
  return {
    version: numberIn(await asked("Pacemaker's version", "pacemakerd --version")),
    cib: await asked("Pacemaker's configuration (cibadmin)", withoutStatus),
    corosyncVersion: numberIn(await asked("Corosync's version", "corosync -v")),
    corosync: await asked("corosync.conf", "cat /etc/corosync/corosync.conf"),
    missing,
  };
}

/** The status may be longer than all that a host keeps of an output, and is no configuration. */
const withoutStatus = `
answer=$(cibadmin --query) || exit
printf '%s\\n' "$answer" | sed -e '/<status\\/>/d' -e '/<status[ >]/,/<\\/status>/d'`;

async function output(host: Host, script: string): Promise<string> {
  const { code, stdout, stderr } = await host.run({ script });
  if (code === 0 && stdout.trim() !== "") return stdout;
  throw new BlackstartError("HOST_COMMAND_FAILED", {
    what: `${host.reference} did not tell.`,
    why: stderr.trim().split("\n").at(-1) || `It ended with code ${code} and said nothing.`,
    next: "See whether Pacemaker runs there, and whether this user may ask it (root, or the group haclient).",
  });
}

function numberIn(text: string | undefined): string | undefined {
  return text === undefined ? undefined : /\d+(?:\.\d+)+/.exec(text)?.[0];
}
