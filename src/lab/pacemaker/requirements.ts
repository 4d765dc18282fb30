import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";

/** Where the system's programs are, whatever the PATH of the one who calls. */
const folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"];
const agentsFolder = "/usr/lib/ocf/resource.d";

/** Each file or program that a lab needs, and the package of Debian and its kin that brings it. */
const needed: readonly Readonly<{ what: string; package: string }>[] = [
  { what: "corosync", package: "corosync" },
  { what: "pacemakerd", package: "pacemaker" },
  { what: "cibadmin", package: "pacemaker-cli-utils" },
  { what: "crm_mon", package: "pacemaker-cli-utils" },
  { what: `${agentsFolder}/heartbeat/pgsql`, package: "resource-agents" },
  { what: `${agentsFolder}/heartbeat/IPaddr2`, package: "resource-agents" },
  { what: "ip", package: "iproute2" },
  { what: "unshare", package: "util-linux" },
  { what: "nsenter", package: "util-linux" },
  { what: "runuser", package: "util-linux" },
];

/** Throws what keeps this machine from running a Pacemaker lab: the platform, the account, packages. */
export function requirePacemaker(options: Readonly<{ crmShell: boolean }>): void {
  const reason = whyNoPacemaker(options);
  if (reason === undefined) return;
  throw new BlackstartError("LAB_UNSUPPORTED", {
    what: "A lab with Pacemaker cannot be made here.",
    ...reason,
  });
}

/** For tests, which are skipped with this reason; undefined: nothing is missing. */
export function whyNoPacemaker({
  crmShell,
}: Readonly<{ crmShell: boolean }>): Readonly<{ why: string; next: string }> | undefined {
  if (process.platform !== "linux")
    return { why: "Its hosts are Linux namespaces.", next: "Make it on a Linux machine, or a virtual one." };
  const missing = [...needed, ...(crmShell ? [{ what: "crm", package: "crmsh" }] : [])].filter(
    ({ what }) => !isThere(what),
  );
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((one) => one.package))].join(" ");
    const install = existsSync("/usr/bin/dnf") ? "dnf" : "apt-get";
    return {
      why: `There is no ${missing.map(({ what }) => what).join(", no ")}.`,
      next: `Install it: ${install} install ${packages}`,
    };
  }
  if (process.getuid?.() !== 0)
    return {
      why: "Only root may make hosts with a network of their own.",
      next: "Run it again as root, e.g. with sudo.",
    };
  return undefined;
}

function isThere(what: string): boolean {
  if (what.startsWith("/")) return existsSync(what);
  return folders.some((folder) => {
    try {
      accessSync(join(folder, what), constants.X_OK);
      return true;
    } catch {
      return false; // It may be in the next one.
    }
  });
}

/** Whether the agent of a resource (`ocf:heartbeat:IPaddr2`) is on this machine. */
export function hasAgent(name: string): boolean {
  const [standard, provider, type] = name.split(":");
  return standard === "ocf" && existsSync(join(agentsFolder, provider ?? "", type ?? ""));
}
