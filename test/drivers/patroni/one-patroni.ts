import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { chmod, chown, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { pollUntil } from "../../../src/base/time.ts";
import { get } from "../../../src/drivers/service/http.ts";
import { serverAccount, spawnAs } from "../../../src/lab/account.ts";
import { findBinaries } from "../../../src/lab/binaries.ts";
import { claimPorts, releasePorts } from "../../../src/lab/ports.ts";
import { serverProcessesIn } from "../../../src/lab/processes.ts";
import { withFolder } from "../../support/folder.ts";
import { missingFor } from "../../support/managers.ts";

/** Why no Patroni can be started here; false when one can. */
export const noPatroni: string | false = await missingFor("patroni");

export type OnePatroni = Readonly<{ dataDirectory: string; port: number; rest: number }>;

/** A Patroni with one member and an etcd of its own, as soon as its API tells its configuration. */
export async function withPatroni(local: object, use: (patroni: OnePatroni) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await chmod(folder, 0o755);
    const account = serverAccount();
    if (account !== undefined) await chown(folder, account.uid, account.gid);
    const ports = await claimPorts(4, folder);
    const [port = 0, rest = 0, client = 0, peer = 0] = ports;
    const dataDirectory = join(folder, "data");
    const file = join(folder, "patroni.yml");
    await writeFile(file, stringify({ ...(await configuration({ port, rest, client, dataDirectory })), ...local }));
    const children: ChildProcess[] = [];
    try {
      children.push(start("etcd", etcdFlags(folder, client, peer), join(folder, "etcd.log")));
      children.push(start("patroni", [file], join(folder, "patroni.log")));
      const answered = await pollUntil(
        async () => {
          const answer = await get(`http://127.0.0.1:${rest}/config`, 500, { bodyBytesMax: 1000 }).catch(
            () => undefined,
          );
          return answer?.status === 200 ? answer : undefined;
        },
        { everyMs: 100, timeoutMs: 60_000 },
      );
      if (answered === undefined)
        throw new Error(
          `Patroni told no configuration within a minute:\n${await readFile(join(folder, "patroni.log"), "utf8")}`,
        );
      await use({ dataDirectory, port, rest });
    } finally {
      // Patroni first: it would start again what is ended.
      for (const child of children.toReversed()) await ended(child);
      for (const { pid } of serverProcessesIn(dataDirectory)) process.kill(pid, "SIGKILL");
      releasePorts(ports, folder);
    }
  });
}

async function configuration(of: { port: number; rest: number; client: number; dataDirectory: string }) {
  const address = `127.0.0.1:${of.port}`;
  return {
    scope: "trial",
    name: "p1",
    restapi: { listen: `127.0.0.1:${of.rest}`, connect_address: `127.0.0.1:${of.rest}` },
    etcd3: { host: `127.0.0.1:${of.client}` },
    bootstrap: { dcs: { ttl: 20, loop_wait: 1, retry_timeout: 3, maximum_lag_on_failover: 4242 } },
    postgresql: {
      listen: address,
      connect_address: address,
      data_dir: of.dataDirectory,
      pgpass: `${of.dataDirectory}.pgpass`,
      bin_dir: (await findBinaries()).directory,
      pg_hba: ["host all all 127.0.0.1/32 trust"],
      // Its shared memory must not outlive it.
      parameters: { unix_socket_directories: "", fsync: "off", dynamic_shared_memory_type: "mmap" },
      authentication: {
        superuser: { username: "postgres", password: "geheim" },
        replication: { username: "replicator", password: "geheim" },
      },
    },
  };
}

function etcdFlags(folder: string, client: number, peer: number): string[] {
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  return [
    "--name=e1",
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=e1=${peerUrl}`,
  ];
}

function start(program: string, args: readonly string[], logFile: string): ChildProcess {
  const log = openSync(logFile, "a");
  const environment = { PATH: process.env.PATH ?? "", LC_ALL: "C.UTF-8" };
  const child = spawn(program, args, { ...spawnAs(serverAccount()), stdio: ["ignore", log, log], env: environment });
  closeSync(log);
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exit;
}
