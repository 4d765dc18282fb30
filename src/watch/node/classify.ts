import { reachabilityOf } from "../../drivers/postgres/reachability.ts";
import type { NodeCondition } from "../facts.ts";

/**
 * What a refused or broken attempt to connect says of the server. `silent`: it said nothing until the time was over;
 * whether the machine still takes connections then tells a hang from a cut network.
 */
export function conditionOf(error: unknown, goodbye?: string): NodeCondition | Readonly<{ kind: "silent" }> {
  const { kind, detail, sqlstate } = reachabilityOf(error);
  switch (kind) {
    case "starting":
    case "unreachable":
      return { kind, detail };
    case "refused":
      return { kind, sqlstate: sqlstate ?? "", detail };
    case "silent":
      return { kind };
    case "closed":
      return down("Nothing listens at its address (connection refused).", goodbye);
    case "broken":
      return down("It ends every new connection.", goodbye);
  }
}

function down(detail: string, goodbye: string | undefined): NodeCondition {
  return { kind: "down", detail, ...(goodbye === undefined ? {} : { goodbye }) };
}
