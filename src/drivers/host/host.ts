/**
 * A machine on which commands can be run. The contract, the same for this machine and over ssh:
 *
 * - `run` gives `script` to `/bin/sh` with `args` as $1, $2, …; never build a script from values;
 * - it answers with the exit code, whatever it is; output is kept to 1 MiB of each stream;
 * - it throws UNREACHABLE when the machine cannot be reached, and HOST_COMMAND_FAILED when the command runs longer than
 *   `timeoutMs`; then the command and its children are ended;
 * - when `signal` is aborted they are ended as well, and it throws the signal's reason;
 * - `as`: run as the owner of this path where we are root and it is not root's; otherwise as we are.
 */
export interface Host {
  /** `local:` or `ssh://user@address:port`. */
  readonly reference: string;
  run(command: HostCommand): Promise<HostResult>;
}

export type HostCommand = Readonly<{
  script: string;
  args?: readonly string[];
  as?: string;
  timeoutMs?: number;
  input?: string;
  signal?: AbortSignal | undefined;
}>;

export type HostResult = Readonly<{ code: number; stdout: string; stderr: string }>;
