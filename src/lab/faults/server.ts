import { BlackstartError } from "../../base/error.ts";
import { didYouMean } from "../../base/nearest.ts";
import { processRoles, type ServerProcess } from "./process-roles.ts";

/** A server that may be broken: a lab's, or one that blackstart.yaml declares expendable. */
export interface Server {
  readonly name: string;
  /** Past any proxy: a hand on the machine itself needs no network. */
  readonly url: string;
  /** Its processes, also those that outlived their postmaster. */
  processes(): Promise<readonly ServerProcess[]>;
  /** To those of them that still run. */
  signal(processes: readonly ServerProcess[], signal: FaultSignal): Promise<void>;
  /** Starts it as it is, where it is down, and answers whether it was: a former primary starts as a primary. */
  start(): Promise<boolean>;
}

export type FaultSignal = "SIGKILL" | "SIGABRT" | "SIGTERM" | "SIGSTOP" | "SIGCONT";

/** Processes of a server: those of one role, or `all`. */
export type ProcessTarget = Readonly<{ server: Server; role: string }>;

/** The processes that are meant, as they are now; refused where there is none. */
export async function processesOf({ server, role }: ProcessTarget): Promise<readonly ServerProcess[]> {
  const running = await server.processes();
  const meant = role === "all" ? running : running.filter((process) => process.role === role);
  if (meant.length > 0) return meant;
  const now = [...new Set(running.map((process) => process.role))].sort();
  const runs = now.length === 0 ? `${server.name} does not run.` : `${server.name} runs: ${now.join(", ")}.`;
  if (role === "all" || processRoles.includes(role))
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: `${server.name} has no process of the role ${role} at this moment.`,
      why: runs,
      next: "Name one that runs, or wait until it does.",
      details: { node: server.name, role, running: now },
    });
  const known = ["all", ...processRoles];
  throw new BlackstartError("UNKNOWN_NAME", {
    what: `PostgreSQL has no process “${role}”.${didYouMean(role, known)}`,
    why: `${runs} There can be: ${known.join(", ")}.`,
    next: `Name one of them: ${server.name}.checkpointer, say.`,
    details: { node: server.name, role, running: now, candidates: known },
  });
}

/** “pg1”, “pg1, pg2” */
export function namesOf(named: readonly { name: string }[]): string {
  return named.map(({ name }) => name).join(", ");
}
