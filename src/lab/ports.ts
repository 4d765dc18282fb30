import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { BlackstartError } from "../base/error.ts";
import type { Environment } from "../system/home.ts";
import { cacheDirectory } from "./cache.ts";
import { withLock } from "./lock.ts";
import { identityOf, isAlive, type ProcessIdentity } from "./processes.ts";

/**
 * Ports are claimed for as long as the lab lives, not only while a server listens: a killed node's port must not go to
 * another lab before the node is back. A claim is a file; it is stale when its lab's directory is gone, and the process
 * that was making it.
 *
 * They lie below the range from which the kernel takes ports for outgoing connections (32768 on Linux), which would steal
 * them.
 */
const lowest = 20_000;
const highest = 32_700;

type Claim = Readonly<{ lab: string; maker: ProcessIdentity }>;

export async function claimPorts(
  count: number,
  lab: string,
  environment: Environment = process.env,
): Promise<readonly number[]> {
  const folder = join(cacheDirectory(environment), "ports");
  await mkdir(folder, { recursive: true, mode: 0o755 });
  return withLock(join(folder, "lock"), () => claimUnderLock(count, lab, folder), { timeoutMs: 30_000 });
}

/** Gives back all ports of a lab. */
export function releasePorts(ports: readonly number[], lab: string, environment: Environment = process.env): void {
  const folder = join(cacheDirectory(environment), "ports");
  for (const port of ports) {
    if (readClaim(join(folder, String(port)))?.lab === lab) rmSync(join(folder, String(port)), { force: true });
  }
}

async function claimUnderLock(count: number, lab: string, folder: string): Promise<readonly number[]> {
  const maker = identityOf(process.pid);
  if (maker === undefined) throw new Error("a process without an entry in /proc");
  const claimed = new Set(readdirSync(folder).filter((name) => !isStale(join(folder, name))));
  const ports: number[] = [];
  const start = Math.floor(Math.random() * (highest - lowest));
  for (let step = 0; ports.length < count && step < highest - lowest; step++) {
    const port = lowest + ((start + step) % (highest - lowest));
    if (claimed.has(String(port)) || !(await isFree(port))) continue;
    ports.push(port);
  }
  if (ports.length < count) {
    throw new BlackstartError("LAB_FAILED", {
      what: `There are not ${count} free ports between ${lowest} and ${highest}.`,
      why: `${claimed.size} are claimed by labs.`,
      next: "Take labs down that are no longer needed: `blackstart lab status`, `blackstart lab down`.",
    });
  }
  for (const port of ports) writeFileSync(join(folder, String(port)), JSON.stringify({ lab, maker } satisfies Claim));
  return ports;
}

function isStale(file: string): boolean {
  const claim = readClaim(file);
  return claim === undefined || !(existsSync(claim.lab) || isAlive(claim.maker));
}

function readClaim(file: string): Claim | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Claim;
  } catch {
    return undefined; // Not there, or half written by a process that was killed: no claim.
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
