import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { BlackstartError } from "../base/error.ts";
import type { Environment } from "../system/home.ts";
import { findProgram } from "./programs.ts";

export interface LabRedis {
  readonly url: string;
  stop(): Promise<void>;
}

const startTimeoutMs = 5000;

/** The path of redis-server (or valkey-server); undefined when none is installed. */
export function findRedis(environment: Environment = process.env): string | undefined {
  return findProgram(["redis-server", "valkey-server"], environment);
}

/** Ends the server as soon as nobody holds the standard input any more: also when the holder was killed. */
const heldServer = `"$0" "$@" & server=$!; cat >/dev/null; kill -9 $server`;

/** A Redis of its own on loopback, without persistence. It ends by `stop`, or with the process that started it. */
export async function startRedis(binary: string, directory: string): Promise<LabRedis> {
  await mkdir(directory, { recursive: true });
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory];
  const server = spawn("/bin/sh", ["-c", heldServer, binary, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const exited = once(server, "exit");
  try {
    await saysReady(server);
  } catch (error) {
    server.stdin.end();
    throw error;
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      server.stdin.end();
      await exited;
    },
  };
}

function saysReady(server: ChildProcessWithoutNullStreams): Promise<void> {
  const output: string[] = [];
  return new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(failed(output)), startTimeoutMs);
    const listen = (chunk: Buffer) => {
      output.push(chunk.toString());
      if (output.length > 100) output.shift();
      if (/Ready to accept connections/i.test(output.join(""))) resolve(clearTimeout(timer));
    };
    server.stdout.on("data", listen);
    server.stderr.on("data", listen);
    server.once("error", (error) => reject(failed([String(error)])));
  });
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
