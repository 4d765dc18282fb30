import { noParameters, type ProcessFault } from "./fault.ts";
import type { ServerProcess } from "./process-roles.ts";
import { type FaultSignal, namesOf, processesOf, type ProcessTarget, type Server } from "./server.ts";

const startedAgain = "`heal` starts what is down, as it is: a former primary starts as a primary.";

export const kill = endingFault(
  "kill",
  "SIGKILL",
  "The processes are gone at once. A server whose postmaster lives ends all others and recovers by itself.",
);

export const abort = endingFault(
  "abort",
  "SIGABRT",
  "The processes crash, as after a failed assertion: the server recovers by itself; without its startup process it ends.",
);

export const terminate = endingFault(
  "terminate",
  "SIGTERM",
  "The processes are asked to end: a client's backend or a walreceiver does; the postmaster waits for its clients.",
);

export const stop: ProcessFault = {
  kind: "process",
  name: "stop",
  description: "The processes are halted: they keep what they hold, and do nothing, until they are continued.",
  undo: "`heal` continues them.",
  parameters: noParameters,
  async inject(targets) {
    const meant = await chosen(targets);
    await sendTo(meant, "SIGSTOP");
    return {
      done: `Sent SIGSTOP to ${inWords(meant)}.`,
      tookEffect: async () => {
        const now = await Promise.all(
          meant.map(async (each) => stillThere(each, await each.target.server.processes())),
        );
        return now.every((left) => left.length > 0 && left.every(({ state }) => state === "T"));
      },
    };
  },
  async heal(servers) {
    for (const server of servers) await server.signal(await server.processes(), "SIGCONT");
    return `Sent SIGCONT to every process of ${namesOf(servers)}.`;
  },
};

/** The faults that end processes differ only in the signal. */
function endingFault(name: string, signal: FaultSignal, description: string): ProcessFault {
  return {
    kind: "process",
    name,
    description,
    undo: startedAgain,
    parameters: noParameters,
    async inject(targets) {
      const meant = await chosen(targets);
      if (signal === "SIGKILL" && targets.every(({ role }) => role === "all")) return killWhole(meant);
      await sendTo(meant, signal);
      return { done: `Sent ${signal} to ${inWords(meant)}.`, tookEffect: () => areGone(meant) };
    },
    heal: startAgain,
  };
}

/** Stopped first: so a postmaster starts no others meanwhile, and what falls together falls at the same moment. */
async function killWhole(first: readonly Chosen[]) {
  await sendTo(first, "SIGSTOP");
  const all = await Promise.all(
    first.map(async ({ target }) => ({ target, processes: await target.server.processes() })),
  );
  await sendTo(all, "SIGKILL");
  return { done: `Sent SIGKILL to ${inWords(all)}.`, tookEffect: () => areGone(all) };
}

async function startAgain(servers: readonly Server[]): Promise<string> {
  const started = await Promise.all(servers.map(async (server) => ((await server.start()) ? [server] : [])));
  const down = started.flat();
  return down.length === 0
    ? `${namesOf(servers)}: running already.`
    : `Started ${namesOf(down)}; see the server's log for how it came up.`;
}

type Chosen = Readonly<{ target: ProcessTarget; processes: readonly ServerProcess[] }>;

function chosen(targets: readonly ProcessTarget[]): Promise<readonly Chosen[]> {
  return Promise.all(targets.map(async (target) => ({ target, processes: await processesOf(target) })));
}

async function sendTo(meant: readonly Chosen[], signal: FaultSignal): Promise<void> {
  await Promise.all(meant.map(({ target, processes }) => target.server.signal(processes, signal)));
}

async function areGone(meant: readonly Chosen[]): Promise<boolean> {
  const left = await Promise.all(meant.map(async (each) => stillThere(each, await each.target.server.processes())));
  return left.every((processes) => processes.length === 0);
}

function stillThere({ processes }: Chosen, running: readonly ServerProcess[]): readonly ServerProcess[] {
  return running.filter(({ pid, started }) => processes.some((one) => one.pid === pid && one.started === started));
}

function inWords(meant: readonly Chosen[]): string {
  return meant
    .map(({ target, processes }) =>
      target.role === "all"
        ? `every process of ${target.server.name}`
        : `the ${target.role} of ${target.server.name} (${processes.map(({ pid }) => pid).join(", ")})`,
    )
    .join(", ");
}
