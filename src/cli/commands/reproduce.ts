import { type Command, Option } from "commander";
import type { Act } from "../command.ts";
import type { CaptureOptions } from "./reproduce/capture.ts";
import type { ExchangeOptions } from "./reproduce/chaos-toolkit.ts";
import type { CompareOptions } from "./reproduce/compare.ts";
import type { ExploreOptions } from "./reproduce/explore.ts";
import type { MinimizeOptions } from "./reproduce/minimize.ts";
import type { RunOptions } from "./reproduce/run.ts";

/** `blackstart reproduce …`: make an outage happen again, away from production, and find what of it mattered. */
export function addReproduce(program: Command, act: Act): void {
  const reproduce = program
    .command("reproduce")
    .description("make an outage happen again, away from production, and find the least that causes it");
  addTrials(reproduce, act);
  addExplore(reproduce, act);
  addComparison(reproduce, act);
  addExchange(reproduce, act);
}

function addTrials(reproduce: Command, act: Act): void {
  act(
    reproduce
      .command("run")
      .argument("<scenario>", "the scenario's file")
      .description("how often the symptom shows, with all factors or with some")
      .option("--trials <count>", "so many trials", "10")
      .option("--control <count>", "so many trials without any factor, first", "3")
      .option("--only <factors>", "with these factors only, separated by commas")
      .option("--journal <file>", "write the trials as a journal of the Chaos Toolkit, too")
      .option(
        "--jobs <count>",
        "so many trials at once (default: 1; with Patroni 2, with Pacemaker 3, as memory allows)",
      )
      .option("--fresh", "begin anew: every trial of this scenario that is known is forgotten"),
    async (context, options: RunOptions, file: string) =>
      (await import("./reproduce/run.ts")).runCommand(context, options, file),
  );
  act(
    reproduce
      .command("minimize")
      .argument("[scenario]", "the scenario's file")
      .description("the least that causes it, what else would, and what plays no part")
      .option("--error <rate>", "the probability that any of its decisions is wrong", "0.01")
      .option(
        "--budget <duration>",
        "the search ends after this long, without the control run and the first trials with all factors: 10m, 1h",
        "1h",
      )
      .option("--decisions <count>", "at most so many sets of factors are judged", "64")
      .option("--trials <count>", "at most so many trials for one set", "60")
      .option("--control <count>", "so many trials without any factor, first", "5")
      .option(
        "--jobs <count>",
        "so many trials at once (default: 1; with Patroni 2, with Pacemaker 3, as memory allows)",
      )
      .option(
        "--oracle <command>",
        "this command decides: exit code 0 is the symptom; the factors are in BLACKSTART_FACTORS",
      )
      .option("--factors <names>", "with --oracle and without a scenario: the factors, separated by commas")
      .option("--out <file>", "write the minimal scenario here (default: beside the scenario)")
      .option("--fresh", "begin anew: every trial of this scenario that is known is forgotten"),
    async (context, options: MinimizeOptions, file: string | undefined) =>
      (await import("./reproduce/minimize.ts")).minimizeCommand(context, options, file),
  );
}

/** The outages that have not happened yet. */
function addExplore(reproduce: Command, act: Act): void {
  act(
    reproduce
      .command("explore")
      .description("the faults after which nobody would take writes; of Pacemaker with the repair (--lab: of that lab)")
      .option("--cib <file>", "what `cibadmin --query` or `crm configure show` prints")
      .option("--faults <count>", "at most so many faults in sequence (default: 3; by trials: 1)")
      .option("--states <count>", "stop after so many states (default: 20000; by trials: 1000)")
      .addOption(
        new Option("--manager <manager>", "by trials, each on a fresh cluster with this manager").choices([
          "streaming",
          "patroni",
          "pacemaker",
        ]),
      )
      .addOption(
        new Option(
          "--automation <who>",
          "by trials: who acts besides the manager (default: where nobody else fails over, blackstart)",
        ).choices(["none", "blackstart"]),
      )
      .option("--proxied", "by trials: cut the network of nodes, too")
      .option(
        "--quiet-for <duration>",
        "by trials: so long without a write is an outage (default: by the manager's times)",
      )
      .option("--trials <count>", "by trials: stop after so many", "500")
      .option("--jobs <count>", "by trials: so many at once", "1")
      .option("--confirm", "run each finding in Pacemaker's scheduler, and its repair, in labs with a live Pacemaker")
      .option("--out <folder>", "with --confirm and by trials: write the scenarios of the findings here")
      .option("--fresh", "by trials: begin anew: every trial that is known is forgotten"),
    async (context, options: ExploreOptions) =>
      (await import("./reproduce/explore.ts")).exploreCommand(context, options),
  );
}

/** How production differs from the lab: each difference is a suspect. */
function addComparison(reproduce: Command, act: Act): void {
  act(
    reproduce
      .command("capture")
      .argument("[cluster]", "which cluster (default: the only one)")
      .description("write down how a cluster is configured, without secrets; changes nothing there")
      .option("--into <file>", "write it into this file (default: print it)")
      .option("--force", "overwrite the file"),
    async (context, options: CaptureOptions, cluster: string | undefined) =>
      (await import("./reproduce/capture.ts")).captureCommand(context, options, cluster),
  );
  act(
    reproduce
      .command("compare")
      .argument("<left>", "production: a capture, a CIB, a text of crm, lab:<name>, or a cluster of the system file")
      .argument("[right]", "the lab, likewise (default: the running cluster that --lab or --file means)")
      .description("what differs between two clusters, the most likely to matter first")
      .option("--as-factors", "print each difference as a factor of a scenario")
      .option("--into <file>", "add the factors to this scenario")
      .option("--exit-code", "end with 1 where there are differences"),
    async (context, options: CompareOptions, left: string, right: string | undefined) =>
      (await import("./reproduce/compare.ts")).compareCommand(context, options, left, right),
  );
}

/** To and from the Chaos Toolkit. */
function addExchange(reproduce: Command, act: Act): void {
  act(
    reproduce
      .command("import")
      .argument("<experiment>", "an experiment or a journal of the Chaos Toolkit, JSON or YAML")
      .description("make a scenario of an experiment")
      .option("--into <file>", "write it into this file (default: print it)")
      .option("--force", "overwrite the file"),
    async (context, options: ExchangeOptions, experiment: string) =>
      (await import("./reproduce/chaos-toolkit.ts")).importCommand(context, options, experiment),
  );
  act(
    reproduce
      .command("export")
      .argument("<scenario>", "a scenario")
      .description("make an experiment of the Chaos Toolkit of a scenario")
      .option("--into <file>", "write it into this file (default: print it)")
      .option("--force", "overwrite the file"),
    async (context, options: ExchangeOptions, scenario: string) =>
      (await import("./reproduce/chaos-toolkit.ts")).exportCommand(context, options, scenario),
  );
}
