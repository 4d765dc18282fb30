import { type Command, Option } from "commander";
import type { Act } from "../command.ts";
import type { BreakOptions } from "./lab/break.ts";
import type { UpOptions } from "./lab/up.ts";

const onTarget = new Option("--on <target>", "a node by name or role, and of it a process: pg2, primary.checkpointer");

/** `blackstart lab …`: real clusters on this machine, to be broken. */
export function addLab(program: Command, act: Act): void {
  const lab = program.command("lab").description("a real cluster on this machine, to be broken");
  act(
    lab
      .command("up")
      .argument("[name]", "its name (default: a random one)")
      .description("make one: a primary and its standbys, and who manages them")
      .addOption(
        new Option("--manager <manager>", "who fails over: nobody, Patroni with etcd, Pacemaker")
          .choices(["streaming", "patroni", "pacemaker"])
          .default("streaming"),
      )
      .option("--patroni-times <ttl/loop_wait/retry_timeout>", "how Patroni fails over, in seconds (default: 20/1/3)")
      .option("--sync <count>", "synchronous standbys", "1")
      .option("--async <count>", "asynchronous standbys", "1")
      .option("--proxied", "a TCP proxy before each node, so that its network can be cut")
      .option("--disks", "disks of its own for each node, so that they can fail (needs root)")
      .option("--archive", "an archive of the log, written by the primary")
      .option("--cib <file>", "with Pacemaker: this configuration (what `cibadmin --query` prints), made to fit a lab")
      .option("--crm <file>", "with Pacemaker: this configuration (what `crm configure show` prints)")
      .option("--no-durable", "without fsync: faster, and worth nothing after a power loss")
      .option("--binaries <folder>", "the PostgreSQL to use (default: an installed one, else the npm-shipped one)"),
    async (context, options: UpOptions, name: string | undefined) =>
      (await import("./lab/up.ts")).upCommand(context, options, name),
  );
  act(lab.command("status").description("the labs on this machine"), async (context) =>
    (await import("./lab/status.ts")).statusCommand(context),
  );
  act(
    lab
      .command("break")
      .argument("[fault]", "without it: the list of faults")
      .description("break it, as it breaks in production")
      .addOption(onTarget)
      .option("--with <key=value...>", "what the fault is to be told; the list says what"),
    async (context, options: BreakOptions, fault: string | undefined) =>
      (await import("./lab/break.ts")).breakCommand(context, options, fault),
  );
  act(
    lab
      .command("heal")
      .argument("[fault]", "without it: those that can be taken back")
      .description("take a fault back, where that needs no recovery")
      .addOption(onTarget),
    async (context, options: BreakOptions, fault: string | undefined) =>
      (await import("./lab/break.ts")).healCommand(context, options, fault),
  );
  act(
    lab
      .command("down")
      .argument("[name]", "which one (default: the only one)")
      .description("take it down: no process, no shared memory, no directory is left")
      .option("--all", "every lab of this machine's user, also those of trials that a killed search has left"),
    async (context, options: { all?: boolean; lab?: string }, name: string | undefined) =>
      (await import("./lab/down.ts")).downCommand(context, options, name),
  );
}
