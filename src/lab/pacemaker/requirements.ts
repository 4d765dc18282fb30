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

type Machine = Readonly<{ platform: string; isRoot: boolean; has: (what: string) => boolean }>;

/** Throws what keeps this machine from running a lab with Pacemaker: the platform, packages, the account. */
export function requirePacemaker(crmShell: boolean): void {
  const has = (what: string) => (what.startsWith("/") ? existsSync(what) : findProgram([what]) !== undefined);
  const reason = whatIsMissing({ platform: process.platform, isRoot: process.getuid?.() === 0, has }, crmShell);
  if (reason !== undefined)
    throw new BlackstartError("LAB_UNSUPPORTED", { what: "A lab with Pacemaker cannot be made here.", ...reason });
}

/** Pure. @param crmShell whether crm itself is needed, to read its language */
export function whatIsMissing(
  { platform, isRoot, has }: Machine,
  crmShell: boolean,
): Readonly<{ why: string; next: string }> | undefined {
  if (platform !== "linux")
    return { why: "Its hosts are Linux namespaces.", next: "Make it on a Linux machine, or a virtual one." };
  const missing = [...needed, ...(crmShell ? [{ what: "crm", package: "crmsh" }] : [])].filter(
    ({ what }) => !has(what),
  );
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((one) => one.package))].join(" ");
    return {
      why: `There is no ${missing.map(({ what }) => what).join(", no ")}.`,
      next: `Install it, on Debian or Ubuntu: apt-get install ${packages}`,
    };
  }
  if (!isRoot)
    return {
      why: "Only root may make hosts with a network of their own.",
      next: "Run it again as root, e.g. with sudo.",
    };
  return undefined;
}

/** Whether the agent of a resource (`ocf:heartbeat:IPaddr2`) is on this machine. */
export function hasAgent(name: string): boolean {
  const [standard, provider, type] = name.split(":");
  return standard === "ocf" && existsSync(join(agentsFolder, provider ?? "", type ?? ""));
}
