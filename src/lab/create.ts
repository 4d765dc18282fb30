import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { BlackstartError, messageOf } from "../base/error.ts";
import { blackstartHome } from "../system/home.ts";
import { canReach, serverAccount } from "./account.ts";
import { type Binaries, findBinaries } from "./binaries.ts";
import { cacheDirectory } from "./cache.ts";
import { cloneNodes } from "./clone-nodes.ts";
import { demolish } from "./demolish.ts";
import type { Lab, LabOptions } from "./lab.ts";
import { labOf } from "./open.ts";
import { claimPorts } from "./ports.ts";
import { identityOf } from "./processes.ts";
import { startProxy } from "./proxy/start.ts";
import { type LabRecord, type NodeRecord, readRecord, writeRecord } from "./record.ts";
import { primaryReady, standbyStreams, startServer } from "./server-start.ts";
import { systemFileText } from "./system-file.ts";
import { templateFor } from "./template.ts";

const startTimeoutMs = 30_000;

/**
 * Makes a real cluster on this machine and returns when it takes writes and every standby streams. If anything fails, what
 * was made so far is removed before the error is thrown.
 */
export async function createLab(options: LabOptions = {}): Promise<Lab> {
  const name = options.name ?? `lab-${randomBytes(3).toString("hex")}`;
  const home = resolve(options.home ?? join(blackstartHome(), "labs"));
  assertName(name);
  const binaries = await findBinaries(options.binaries === undefined ? {} : { directory: options.binaries });
  const template = await templateFor(binaries);
  // A foreign program may take a port between our claim and the server's start: then others are tried.
  for (let attempt = 1; ; attempt++) {
    const record = await foundation(name, home, binaries, options);
    try {
      return await build(record, template, options);
    } catch (error) {
      await demolish(record).catch((second) => Promise.reject(new AggregateError([error, second])));
      const again = error instanceof BlackstartError && error.details.addressInUse === true && attempt < 3;
      if (!again) throw error;
    }
  }
}

/** The directory with its record: from here on `down` can clear away whatever there is. */
async function foundation(name: string, home: string, binaries: Binaries, options: LabOptions): Promise<LabRecord> {
  const directory = join(home, name);
  makeDirectory(home, directory);
  try {
    const roles = ["primary", ...(options.standbys ?? ["synchronous", "asynchronous"])] as const;
    const ports = await claimPorts(options.proxied ? roles.length * 2 : roles.length, directory);
    const maker = identityOf(process.pid);
    if (maker === undefined) throw new Error("this process has no entry in /proc");
    const nodesDirectory = reachableDirectory(directory, name);
    const nodes = roles.map((role, index): NodeRecord => {
      const port = ports[index] as number;
      const serverPort = options.proxied ? (ports[roles.length + index] as number) : port;
      const url = `postgres://blackstart@127.0.0.1:${port}/postgres`;
      const nodeName = `pg${index + 1}`;
      return { name: nodeName, role, port, serverPort, url, dataDirectory: join(nodesDirectory, nodeName, "data") };
    });
    const record: LabRecord = {
      format: 1,
      name,
      state: "being-made",
      maker,
      createdAt: new Date().toISOString(),
      directory,
      nodesDirectory,
      binaries: binaries.directory,
      version: binaries.version,
      durable: options.durable ?? true,
      ports,
      nodes,
      proxy: null,
    };
    writeRecord(record);
    return record;
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

async function build(planned: LabRecord, template: string, options: LabOptions): Promise<Lab> {
  let record = planned;
  if (options.proxied) {
    record = { ...record, proxy: await startProxy(record) };
    writeRecord(record);
  }
  await cloneNodes(record, template, options.settings ?? {});
  await startAll(record);
  record = { ...record, state: "ready" };
  const lab = labOf(record);
  writeFileSync(lab.addressFile, `127.0.0.1:${record.nodes[0]?.port}\n`);
  writeFileSync(lab.systemFile, systemFileText(record, lab.addressFile));
  writeRecord(record);
  return lab;
}

/** All at once: a standby asks for its primary every 10 ms. The first that fails ends the wait for the others. */
async function startAll(record: LabRecord): Promise<void> {
  const failed = new AbortController();
  const starts = record.nodes.map(({ name, role, dataDirectory }) =>
    startServer(
      { name, binaries: record.binaries, dataDirectory },
      role === "primary" ? primaryReady : standbyStreams,
      {
        timeoutMs: startTimeoutMs,
        signal: failed.signal,
      },
    ).catch((error) => {
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(starts);
  if (failed.signal.aborted) throw failed.signal.reason;
}

function assertName(name: string): void {
  if (/^[a-z0-9][a-z0-9-]{0,39}$/.test(name)) return;
  throw new BlackstartError("USAGE", {
    what: `“${name}” cannot be a lab's name.`,
    why: "A name has up to 40 small letters, digits and hyphens, and begins with a letter or digit.",
    next: "Choose another name, or leave it out.",
  });
}

function makeDirectory(home: string, directory: string): void {
  try {
    mkdirSync(home, { recursive: true });
    mkdirSync(directory, { mode: 0o755 });
  } catch (error) {
    const what = `The lab's directory ${directory} cannot be made.`;
    if ((error as NodeJS.ErrnoException).code !== "EEXIST")
      throw new BlackstartError("LAB_FAILED", {
        what,
        why: messageOf(error),
        next: "Set BLACKSTART_HOME to a folder of yours.",
      });
    const isLab = readRecord(directory) !== undefined;
    throw new BlackstartError("LAB_FAILED", {
      what,
      why: isLab
        ? "It is there already: a lab has this name."
        : "It is there already, without a lab.json that can be read: what is left of a lab, or somebody else's.",
      next: isLab
        ? "Take that lab down first, or choose another name."
        : "See what is in it, end what still runs there, and remove it; or choose another name.",
    });
  }
}

/** Root's own folders are often closed to the account that runs the servers: then the nodes lie in the cache's. */
function reachableDirectory(directory: string, name: string): string {
  if (canReach(directory, serverAccount())) return directory;
  const elsewhere = join(cacheDirectory(), "labs", `${name}-${randomBytes(3).toString("hex")}`);
  mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
  return elsewhere;
}
