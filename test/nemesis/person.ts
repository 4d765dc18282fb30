import type { Ended, Line } from "../cli/command-line.ts";
import { nodeAt } from "./clients.ts";
import type { Stage } from "./faults.ts";

/**
 * A person who does what Blackstart says, and nothing else: `status` names the next command, a finding its remedy, a
 * refusal what to do first. Each command is tried a few times at most.
 */
export interface Person {
  /** Does the next thing that there is to do; undefined: there is nothing left to try. */
  act(): Promise<string | undefined>;
  /** Everything that was done, with how it ended. */
  readonly done: readonly Action[];
  /** When a plan that may lose writes was last approved, by this person; 0: never. */
  readonly acceptedLossMs: number;
}

export type Action = Readonly<{ command: string; exitCode: number | null; said: string }>;

const triesMax = 3;

export function person({ product, animal, say }: Stage): Person {
  const done: Action[] = [];
  const tries = new Map<string, number>();
  let acceptedLossMs = 0;

  const act = async (command: string): Promise<string> => {
    tries.set(command, (tries.get(command) ?? 0) + 1);
    say(`person: ${command}`);
    const ended = await product.run(...wordsOf(command));
    const said = ended.code === 0 ? "" : whatWasSaid(ended);
    done.push({ command, exitCode: ended.code, said });
    say(`person: exit code ${ended.code}${said === "" ? "" : `: ${said}`}`);
    const plan = ended.records.find((record) => record.plan?.risk !== undefined)?.plan;
    const wasRun = ended.code === 0 || ended.code === 4;
    if (wasRun && (command.includes("--accept-loss") || (plan !== undefined && plan.risk.lossBytes !== 0)))
      acceptedLossMs = performance.now();
    return command;
  };
  /**
   * A finding that leaves the choice to a person names the commands in its evidence. This person knows what the clients use,
   * and that whatever else takes writes was promoted by mistake.
   */
  const choicesIn = (ended: Ended) => {
    const used = nodeAt(animal)?.name;
    const commands = findingsIn(ended).flatMap(({ evidence }) => commandsIn(JSON.stringify(evidence)));
    return commands.filter((command) => !(command.includes(" demote ") && command.endsWith(`/${used}`)));
  };
  const untried = (commands: readonly string[]) =>
    commands
      .map(carriedOut)
      .filter((command) => command !== undefined)
      .find((command) => (tries.get(command) ?? 0) < triesMax);
  return {
    done,
    get acceptedLossMs() {
      return acceptedLossMs;
    },
    async act() {
      const last = done.at(-1);
      const saidLast = last === undefined || last.exitCode === 0 ? [] : commandsIn(last.said);
      const status = await product.run("status");
      const next = untried([...saidLast, status.result?.next ?? "", ...remediesIn(status), ...choicesIn(status)]);
      if (next !== undefined) return act(next);
      const check = await product.run("check");
      const more = untried([...remediesIn(check), ...choicesIn(check)]);
      if (more !== undefined) return act(more);
      const codes = findingsIn(check).flatMap(({ code, severity }) => (severity === "info" ? [] : code));
      say(`person: status says ${status.result?.next ?? "nothing"}; check says ${codes.join(", ") || "nothing"}`);
      return undefined;
    },
  };
}

function findingsIn({ records }: Ended): readonly Line[] {
  return records.flatMap(({ finding }) => finding ?? []);
}

function remediesIn(ended: Ended): readonly string[] {
  return findingsIn(ended).flatMap(remedyOf);
}

/** As `src/plan/command.ts` says them; written anew here, for that file may be what is wrong. */
function remedyOf(finding: Line): readonly string[] {
  const { kind, subject, options } = finding?.remedy ?? {};
  if (kind === undefined) return [];
  const cluster = subject.name.split("/")[0];
  if (kind === "failover" || kind === "switchover")
    return [`blackstart mitigate ${kind} ${cluster}${options?.node ? ` --to ${options.node}` : ""}`];
  return [`blackstart mitigate ${kind} ${options?.node ? `${cluster}/${options.node}` : subject.name}`];
}

/** Commands that change something, as they are carried out; those that only show are no way out. */
function carriedOut(command: string): string | undefined {
  if (/^blackstart mitigate \S+ \S/.test(command)) return `${command.replace(/ --(apply|yes)/g, "")} --apply --yes`;
  if (/^blackstart plan (resume|undo) \S/.test(command)) return `${command.replace(/ --yes/g, "")} --yes`;
  return undefined;
}

function commandsIn(text: string): readonly string[] {
  return [...text.matchAll(/blackstart (?:mitigate|plan) [\w./ -]*[\w]/g)].map(([command]) => command);
}

function whatWasSaid({ records, stderr }: Ended): string {
  const refusal = records.find((record) => record.refusal !== undefined)?.refusal;
  const { error, state, next } = records.at(-1) ?? {};
  const parts = refusal
    ? [refusal.rule, refusal.missing, refusal.provide, refusal.accept]
    : [error?.what, error?.why, error?.next, state, next];
  const said = parts.filter(Boolean).join(" | ");
  return (said || stderr.trim().split("\n").slice(-3).join(" / ")).slice(0, 1500);
}

function wordsOf(command: string): string[] {
  return command.split(" ").slice(1);
}
