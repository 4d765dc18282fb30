import { spawn } from "node:child_process";
import { access, constants, mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { BlackstartError } from "../base/error.ts";

export interface LabRedis {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const startTimeoutMs = 5000;

/** The path of redis-server (or valkey-server); undefined when none is installed. */
export async function findRedis(environment: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const folders = [...(environment.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/bin", "/usr/bin"];
  for (const name of ["redis-server", "valkey-server"]) {
    for (const folder of folders.filter((entry) => entry !== "")) {
      const path = join(folder, name);
      if (
        await access(path, constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return path;
    }
  }
  return undefined;
}

/** A Redis of its own on loopback, without persistence; it ends with the process that started it, or by `stop`. */
export async function startRedis(binary: string, directory: string): Promise<LabRedis> {
  await mkdir(directory, { recursive: true });
  const port = await freePort();
  const server = spawn(
    binary,
    ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const output: string[] = [];
  const exited = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(failed(output)), startTimeoutMs);
    const listen = (chunk: Buffer) => {
      output.push(chunk.toString());
      if (output.length > 100) output.shift();
      if (/Ready to accept connections/i.test(output.join(""))) resolve(clearTimeout(timer));
    };
    server.stdout.on("data", listen);
    server.stderr.on("data", listen);
    server.once("error", (error) => reject(failed([String(error)])));
    server.once("exit", () => reject(failed(output)));
  }).catch((error) => {
    server.kill("SIGKILL");
    throw error;
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: server.pid as number,
    async stop() {
      server.kill("SIGKILL"); // nothing in it is to be kept
      await exited;
    },
  };
}

function failed(output: readonly string[]): BlackstartError {
  return new BlackstartError("LAB_FAILED", {
    what: "A Redis for the lab did not start.",
    why: output.join("").trim().split("\n").slice(-3).join(" ") || "It gave no reason.",
    next: "Start redis-server by hand to see why, or remove it: everything else works without.",
  });
}

/** A port below the ephemeral range (32768 on Linux), where no outgoing connection takes it away in between. */
async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw failed(["no free port between 20000 and 32000"]);
}
