import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { userInfo, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { pollUntil } from "../../src/base/time.ts";
import { claimPorts, releasePorts } from "../../src/lab/ports.ts";

const run = promisify(execFile);
const daemon = "/usr/sbin/sshd";

export type SshServer = Readonly<{
  reference: string;
  clientOptions: readonly string[];
  identityOption: string;
  stop(): Promise<void>;
}>;

/** Why there is no sshd to test against; false when there is one. */
export async function noSshServer(): Promise<string | false> {
  if (!existsSync(daemon)) return `there is no ${daemon}`;
  return (await run("ssh", ["-V"]).then(() => false)) && "there is no ssh client";
}

/** An sshd of our own on loopback: own host key, own user key, own port; it reads nothing of the machine's. */
export async function startSshServer(): Promise<SshServer> {
  const folder = await mkdtemp(join(tmpdir(), "blackstart-sshd-"));
  const [port] = await claimPorts(1, folder);
  for (const key of ["host", "user"])
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, key)]);
  const settings = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${join(folder, "host")}`,
    `AuthorizedKeysFile ${join(folder, "user.pub")}`,
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "MaxSessions 50",
    "MaxStartups 50",
    "LogLevel ERROR",
  ];
  await writeFile(join(folder, "config"), `${settings.join("\n")}\n`);
  // Its compiled-in folder for privilege separation; a service would have made it.
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const child = spawn(daemon, ["-D", "-e", "-f", join(folder, "config")], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk) => (said += chunk));
  const listens = await pollUntil(
    async () => (child.exitCode !== null ? "ended" : (await answers(port as number)) ? "ready" : undefined),
    {
      everyMs: 10,
      timeoutMs: 10_000,
    },
  );
  if (listens !== "ready") {
    await stop(child, folder, port as number);
    throw new Error(`sshd did not start: ${said}`);
  }
  const identityOption = `IdentityFile=${join(folder, "user")}`;
  return {
    reference: `ssh://${userInfo().username}@127.0.0.1:${port}`,
    identityOption,
    clientOptions: [
      "StrictHostKeyChecking=no",
      "UserKnownHostsFile=/dev/null",
      "IdentitiesOnly=yes",
      "IdentityAgent=none",
      identityOption,
    ],
    stop: () => stop(child, folder, port as number),
  };
}

async function stop(child: ChildProcess, folder: string, port: number): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
  releasePorts([port], folder);
  await rm(folder, { recursive: true, force: true });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
