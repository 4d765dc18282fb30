import { existsSync } from "node:fs";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import { findProgram } from "../programs.ts";

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
  { what: "nft", package: "nftables" },
  { what: "unshare", package: "util-linux" },
  { what: "nsenter", package: "util-linux" },
  { what: "runuser", package: "util-linux" },
];

/** Throws what keeps this machine from running a Pacemaker lab: the platform, the account, packages. */
export function requirePacemaker(options: Readonly<{ crmShell: boolean }>): void {
  const reason = reasonAgainst(options);
  if (reason === undefined) return;
  throw new BlackstartError("LAB_UNSUPPORTED", {
    what: "A lab with Pacemaker cannot be made here.",
    ...reason,
  });
}

function reasonAgainst({
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
  return what.startsWith("/") ? existsSync(what) : findProgram([what]) !== undefined;
}

/** Whether the agent of a resource (`ocf:heartbeat:IPaddr2`) is on this machine. */
export function hasAgent(name: string): boolean {
  const [standard, provider, type] = name.split(":");
  return standard === "ocf" && existsSync(join(agentsFolder, provider ?? "", type ?? ""));
}
