import type { Command } from "commander";
import type { Act } from "../command.ts";
import type { MitigateOptions } from "./mitigate/plan.ts";

const plan = () => import("./mitigate/plan.ts");

/** `blackstart mitigate …`: make the service work again. Prints the plan; carries it out only with `--apply`. */
export function addMitigate(program: Command, act: Act): void {
  const mitigate = program
    .command("mitigate")
    .description("make the service work again: shows the plan; --apply carries it out");
  const verb = (words: string, description: string) => planned(mitigate.command(words).description(description));
  const acting = (command: Command, kind: string) =>
    act(command, async (context, options: MitigateOptions, target: string | undefined) =>
      (await plan()).mitigateCommand(context, kind, target, options),
    );

  acting(
    verb("restart", "start again what is down or hangs").argument(
      "[target]",
      "a node, a cluster or a service; without it: the choices",
    ),
    "restart",
  );
  acting(
    verb("failover", "the primary is lost: promote the standby that has received most")
      .argument("[cluster]", "which cluster (default: the only one)")
      .option("--to <node>", "promote this one")
      .option("--accept-loss", "although acknowledged writes could be lost, as the plan states")
      .option("--even-if-starting", "although the primary is on its way back"),
    "failover",
  );
  acting(
    verb("switchover", "the primary is well: let another take over, without a loss")
      .argument("[cluster]", "which cluster (default: the only one)")
      .option("--to <node>", "this one"),
    "switchover",
  );
  acting(
    verb("rejoin", "bring a node back as a standby; what it had is kept")
      .argument("[node]", "which node; without it: the choices")
      .option("--accept-loss", "although it was the primary after the one there is now"),
    "rejoin",
  );
  acting(
    verb("degrade-synchronous", "the synchronous standby is dead and commits hang: let them go on").argument(
      "[cluster]",
      "which cluster (default: the only one)",
    ),
    "degrade-synchronous",
  );
  acting(
    verb("restore-synchronous", "commits wait for fewer standbys than they are meant to: wait for them again").argument(
      "[cluster]",
      "which cluster (default: the only one)",
    ),
    "restore-synchronous",
  );
  acting(
    verb("unfence", "take a fence back that promoted nobody: the node is the primary again").argument(
      "[node]",
      "which node; without it: the choices",
    ),
    "unfence",
  );
  acting(
    verb("move-clients", "the clients are pointed elsewhere: point them to the primary").argument(
      "[cluster]",
      "which cluster (default: the only one)",
    ),
    "move-clients",
  );
  acting(
    verb("demote", "two primaries: stop the writes on the stale one")
      .argument("[node]", "the stale one; without it: the choices")
      .option("--accept-loss", "although it is the other one that is stale, as far as can be seen"),
    "demote",
  );
  acting(
    verb(
      "clean-up",
      "remove what outages leave behind: slots that nobody reads, memory of killed servers, copies that you name",
    )
      .argument("[target]", "a cluster or a node (default: the only cluster)")
      .option(
        "--copy <path>",
        "remove this copy, or this file of shared memory, as well; may be given again",
        (path: string, before: string[]) => [...before, path],
        [],
      )
      .option(
        "--slot <name>",
        "drop this physical slot, which no node names, as well; may be given again",
        (name: string, before: string[]) => [...before, name],
        [],
      ),
    "clean-up",
  );
}

/** The options of every command that makes a plan. */
export function planned(command: Command): Command {
  return command
    .option("--apply", "carry it out; asks once")
    .option("--yes", "with --apply: do not ask")
    .option("--incident <id>", "the incident it belongs to (default: the open one about the same cluster)");
}
