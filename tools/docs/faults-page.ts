import type { Fault } from "../../src/lab/faults/fault.ts";
import { faults } from "../../src/lab/faults/faults.ts";
import { parametersOf, parameterText } from "../../src/lab/faults/parameters.ts";
import { processRoles } from "../../src/lab/faults/process-roles.ts";

/** The reference of faults, from what each says of itself. */
export function faultsPage(): string {
  return `<!-- Generated from src/lab/faults by \`npm run docs\`; change it there. -->

# Faults

\`blackstart lab break <fault>\` breaks a lab as it breaks in production, and returns when the effect is seen; an effect that
does not show within ten seconds is an error. \`blackstart lab heal <fault>\` takes it back where that needs no recovery.
Without a fault, each lists those there are.

\`--on\` says where: a node by its name (\`pg2\`), or by what it is now: \`primary\`, \`sync\`, \`async\`, \`standby\` (all of them),
\`one-standby\`, \`every\`; \`one-primary\`, \`one-synchronous\`, \`one-asynchronous\`: the first whose server answers as that. Behind a dot stands a process, by the role that PostgreSQL shows in \`ps\`: \`primary.checkpointer\`,
\`async.walreceiver\`, \`pg2.startup\`, \`primary.all\`. Roles: ${processRoles.map((role) => `\`${role}\``).join(", ")}.
A role of which there are several (\`walsender\`, \`client-backend\`) means all of them.

\`--with key=value\` says what a fault is to be told.

| fault | what is then the case | where | how it is undone |
|---|---|---|---|
${faults.map(row).join("\n")}

## Parameters

${faults
  .filter((fault) => parametersOf(fault).length > 0)
  .map(parameters)
  .join("\n")}
## What a fault needs

${faults
  .filter(({ needs }) => needs !== undefined)
  .map(({ name, needs }) => `- \`${name}\`: ${needs}.`)
  .join("\n")}

Disks of its own are ext4 in a file on a loop device, two for each node: one for its data, one for its log. Only root can make
them. A file system that fails by itself (FS_IOC_SHUTDOWN, \`trigger_fs_error\`) does what a disk does; a power loss drops what
was written and not yet on the disk, which no SIGKILL does. \`lab down\` unmounts and detaches them, also after a kill.

A page is damaged while it is clean and not in memory: since 17 it is made to leave memory, before that, and on a standby, the
server is stopped for it and started again, and the answer says so.

There is no fault that sets a clock wrong: Linux gives all processes of a machine one wall clock (a time namespace moves only
the monotonic ones), and what compares clocks in Blackstart takes its time from one place, where tests set it wrong.

## Where it may be done

To what a lab made, by the record that the lab wrote. To a node or a cache of a system only where blackstart.yaml declares it
\`expendable: true\`: \`blackstart lab break abort --file blackstart.yaml --on ledger/pg1.checkpointer\`. Those are the faults of
processes (through the node's \`host\`), of SQL, and of caches: ${faults
    .filter(({ kind }) => kind !== "lab")
    .map(({ name }) => `\`${name}\``)
    .join(", ")}.
Everything else is refused there, with exit code 3.
`;
}

function row({ name, description, on, undo }: Fault): string {
  const where = on === undefined ? "to be said" : `\`${on}\``;
  return `| \`${name}\` | ${[description, where, undo].map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
}

function parameters(fault: Fault): string {
  const texts = parametersOf(fault).map(
    (parameter) => `- \`${parameter.name}\`: ${parameterText(parameter).slice(parameter.name.length + 2)}`,
  );
  return `### ${fault.name}\n\n${texts.join("\n")}\n`;
}
