import type { PlanRequest } from "./plan.ts";

/** What to type to have a remedy planned; undefined where no command plans it. */
export function remedyCommand({ kind, subject, options }: PlanRequest): string | undefined {
  const node = typeof options?.node === "string" ? options.node : undefined;
  switch (kind) {
    case "failover":
    case "switchover":
      return `blackstart mitigate ${kind} ${clusterOf(subject.name)}${node === undefined ? "" : ` --to ${node}`}`;
    case "degrade-synchronous":
    case "restore-synchronous":
    case "move-clients":
      return `blackstart mitigate ${kind} ${clusterOf(subject.name)}`;
    case "restart":
    case "rejoin":
    case "unfence":
    case "clean-up":
    case "demote": {
      const target = node === undefined ? subject.name : `${clusterOf(subject.name)}/${node}`;
      return `blackstart mitigate ${kind} ${target}`;
    }
    case "repair-invariant":
      return `blackstart recover invariants ${subject.name}`;
    case "purge-cache":
      return `blackstart recover cache ${subject.name}`;
    default:
      return undefined;
  }
}

function clusterOf(name: string): string {
  return name.split("/")[0] ?? name;
}
