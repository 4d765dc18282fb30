import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import type { Host, HostCommand, HostResult } from "./host.ts";
import { type ProgramRun, runProgram } from "./run-program.ts";
import { readMarker, remoteCommand, remoteInput } from "./ssh-program.ts";

const defaultTimeoutMs = 10_000;
const connectTimeoutSeconds = 5;
/** How ssh itself ends when its connection is lost (ssh(1), EXIT STATUS); a command may end so as well. */
const lostConnection = 255;

export type SshOptions = Readonly<{
  /** Further options of the ssh client, as after `-o`. For tests; people have their ~/.ssh/config. */
  clientOptions?: readonly string[];
}>;

/**
 * A machine over ssh, through the system's own client: the user's keys, agent, jump hosts and ~/.ssh/config hold. One
 * connection is kept open for all commands (ControlMaster); it ends with `close`, and by itself when idle for a minute.
 */
export function sshHost(reference: string, options: SshOptions = {}): Host & { close(): Promise<void> } {
  const destination = destinationOf(reference);
  let control: string | undefined;
  // Short and ours alone: a socket's path may have 104 characters, and who can write it can run commands there.
  const controlFolder = () => (control ??= mkdtempSync("/tmp/blackstart-ssh-"));
  const ssh = (
    extra: readonly string[],
    rest: readonly string[],
    run: Pick<ProgramRun, "input" | "timeoutMs" | "signal" | "onCutShort">,
  ) =>
    runProgram({
      program: "ssh",
      args: [...clientOptions(controlFolder(), options), ...extra, ...destination, ...rest],
      environment: process.env,
      where: reference,
      ...run,
    });
  const endRemote = async (said: string): Promise<void> => {
    const { pid } = readMarker(said);
    if (pid === undefined) return;
    const input = remoteInput({ script: 'kill -9 "-$1"', args: [String(pid)] });
    // Best effort: if the network is gone as well, the time-out is all that can be told.
    await ssh([], [remoteCommand], { input, timeoutMs: connectTimeoutSeconds * 1000 }).catch(() => undefined);
  };
  return {
    reference,
    async run(command: HostCommand): Promise<HostResult> {
      const timeoutMs = command.timeoutMs ?? defaultTimeoutMs;
      const { signal } = command;
      const run = { input: remoteInput(command), timeoutMs, signal, onCutShort: endRemote };
      const result = await ssh([], [remoteCommand], run);
      const { pid, ended, stderr } = readMarker(result.stderr);
      // The word that it has begun may be lost with the connection.
      if (pid === undefined) throw (hadNoSession(stderr) ? unreachable : cutOff)(reference, stderr);
      if (!ended && result.code === lostConnection) throw cutOff(reference, stderr);
      return { ...result, stderr };
    },
    async close() {
      if (control === undefined) return;
      const folder = control;
      control = undefined;
      await runProgram({
        program: "ssh",
        args: [...clientOptions(folder, options), "-O", "exit", ...destination],
        environment: process.env,
        where: reference,
        input: "",
        timeoutMs: 5000,
      }).catch(() => undefined /* it ends by itself when idle */);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function clientOptions(controlFolder: string, options: SshOptions): readonly string[] {
  return [
    "BatchMode=yes",
    `ConnectTimeout=${connectTimeoutSeconds}`,
    "ServerAliveInterval=5",
    "ServerAliveCountMax=2",
    "ControlMaster=auto",
    `ControlPath=${join(controlFolder, "%C")}`,
    "ControlPersist=60",
    "LogLevel=ERROR",
    ...(options.clientOptions ?? []),
  ].flatMap((option) => ["-o", option]);
}

/** `ssh://user@address:port`. The arguments begin after `--`, so that no name can pass for an option. */
function destinationOf(reference: string): readonly string[] {
  const url = URL.canParse(reference) ? new URL(reference) : undefined;
  const address = url?.hostname.replace(/^\[|\]$/g, "") ?? "";
  if (url?.protocol !== "ssh:" || !/^[\w.:%-]+$/.test(address) || url.password !== "") {
    throw new BlackstartError("USAGE", {
      what: "This cannot be a host to reach over ssh.",
      why: "It must be ssh://user@address or ssh://user@address:port, without a password: ssh uses your keys or agent.",
      next: "Correct `host` in blackstart.yaml.",
    });
  }
  const user = url.username === "" ? [] : ["-l", decodeURIComponent(url.username)];
  return [...user, ...(url.port === "" ? [] : ["-p", url.port]), "--", address];
}

/** What ssh says when it came to no session at all (ssh.c, sshconnect.c, sshconnect2.c): nothing was begun there. */
function hadNoSession(stderr: string): boolean {
  return /^ssh: |Permission denied|Host key verification failed|banner exchange|kex_exchange|Too many authentication/m.test(
    stderr,
  );
}

function unreachable(reference: string, stderr: string): BlackstartError {
  return new BlackstartError("UNREACHABLE", {
    what: `${reference} cannot be reached over ssh.`,
    why: stderr.trim().split("\n").slice(-3).join(" / "),
    next: `Try \`ssh ${destinationOf(reference).join(" ")} true\` yourself; it must work without a question.`,
    details: { host: reference },
  });
}

function cutOff(reference: string, stderr: string): BlackstartError {
  return new BlackstartError("UNREACHABLE", {
    what: `The connection to ${reference} was lost while a command ran there. Whether the command took effect is not known.`,
    why: stderr.trim().split("\n").slice(-3).join(" / ") || "ssh ended, and the command's own end was not seen.",
    next: "See whether the machine answers; then look at what the command works on.",
    details: { host: reference },
  });
}
