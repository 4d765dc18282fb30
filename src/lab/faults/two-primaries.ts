import { withConnection } from "../../drivers/postgres/connection.ts";
import type { Fault } from "./fault.ts";
import { isRunning, isStandby } from "../servers.ts";
import { namesOf, standbysOf } from "./roles.ts";

const timeoutMs = 5000;

export const twoPrimaries: Fault = {
  name: "two-primaries",
  description: "A standby was promoted by hand while the primary lives: both take writes.",
  targets: async (lab) =>
    [...(await standbysOf(lab, "asynchronous")), ...(await standbysOf(lab, "synchronous"))].slice(0, 1),
  async inject(_, nodes) {
    // Past the proxy: a hand on the machine itself needs no network.
    for (const node of nodes) {
      await withConnection(node.ownUrl, { timeoutMs }, (connection) => connection.query("select pg_promote(false)"));
    }
    return `Promoted ${namesOf(nodes)}; the primary was left running.`;
  },
  tookEffect: async (_, nodes) => {
    const answers = await Promise.all(
      nodes.map((node) =>
        withConnection(node.ownUrl, { timeoutMs }, (connection) =>
          connection.query<{ primary: boolean }>("select not pg_is_in_recovery() as primary"),
        ),
      ),
    );
    return (
      nodes.every((node) => isRunning(node) && !isStandby(node)) && answers.every(([row]) => row?.primary === true)
    );
  },
};
