import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";
import { BlackstartError } from "../../base/error.ts";
import { withConnection } from "../../drivers/postgres/connection.ts";
import { createLab } from "../../lab/create.ts";
import type { Lab } from "../../lab/lab.ts";
import { findRedis, startRedis } from "../../lab/redis.ts";
import { loadSystem } from "../../system/load.ts";
import type { System } from "../../system/schema.ts";
import { type Customers, startCustomers } from "./customers.ts";
import { cachedBalances, halfDoneTransfers, schema, takeBackTransfer } from "./ledger.ts";

/** Everything the outage needs: a cluster, a cache, a service and its customers. */
export interface Stage extends AsyncDisposable {
  readonly lab: Lab;
  readonly system: System;
  readonly cluster: string;
  readonly redis: boolean;
  readonly customers: Customers;
  servicePort: number;
}

/** Sets the stage; what stands already is taken down again if a later part fails. */
export async function setStage(labs: string, say: (line: string) => void): Promise<Stage> {
  await using built = new AsyncDisposableStack();
  const lab = await createLab({ home: labs, name: `demo-${randomBytes(3).toString("hex")}` });
  built.defer(() => lab.down());
  say(`a primary and two standbys (${lab.nodes.map((node) => `${node.name} :${node.port}`).join(", ")})`);

  const primary = lab.nodes.find((node) => node.role === "primary") as Lab["nodes"][number];
  await withConnection(primary.url, { queryTimeoutMs: 30_000 }, (connection) => connection.query(schema));

  const redisBinary = findRedis();
  const redis = redisBinary === undefined ? undefined : await startRedis(redisBinary, join(lab.directory, "redis"));
  if (redis) built.defer(() => redis.stop());
  say(redis ? "a Redis that keeps the balances" : "no Redis is installed: the demo goes on without a cache");

  const service = await startService(lab.addressFile, redis?.url);
  built.defer(() => service.stop());
  say(`a payments service (:${service.port}) that moves money in two transactions, as many do`);

  const system = await describeSystem(lab, service.port, redis?.url);
  const customers = startCustomers(service.port, { workers: 8, pauseMs: 4, limit: 200_000, random: Math.random });
  built.defer(() => customers.stop());
  say("8 customers who send it transfers");

  const standing = built.move();
  return {
    lab,
    system,
    cluster: Object.keys(system.clusters)[0] as string,
    redis: redis !== undefined,
    customers,
    servicePort: service.port,
    [Symbol.asyncDispose]: () => standing.disposeAsync(),
  };
}

/** The lab's own system file, with the service, the cache and the invariant that the demo adds to it. */
async function describeSystem(lab: Lab, servicePort: number, redisUrl: string | undefined): Promise<System> {
  const document = parseDocument(await readFile(lab.systemFile, "utf8"));
  const cluster = Object.keys(document.toJS().clusters)[0] as string;
  const address = `http://127.0.0.1:${servicePort}`;
  document.set("services", {
    payments: {
      probe: `${address}/health`,
      needs: redisUrl === undefined ? [cluster] : [cluster, "balances"],
      counts: {
        url: `${address}/metrics`,
        requests: "payments_requests_total",
        failed: "payments_requests_failed_total",
      },
    },
  });
  if (redisUrl !== undefined) {
    document.set("caches", {
      balances: { redis: redisUrl, entries: [{ keys: "balance:{account}", cluster, query: cachedBalances }] },
    });
  }
  document.set("invariants", {
    "every-debit-has-its-credit": { cluster, violations: halfDoneTransfers, repair: takeBackTransfer, settle: "500ms" },
  });
  await writeFile(lab.systemFile, document.toString());
  await chmod(lab.systemFile, 0o600);
  return loadSystem(lab.systemFile);
}

async function startService(
  addressFile: string,
  redisUrl: string | undefined,
): Promise<{ port: number; stop(): Promise<void> }> {
  // Beside this file: .ts in a checkout, .js in the published package.
  const program = fileURLToPath(
    import.meta.resolve(import.meta.url.endsWith(".ts") ? "./payments-service.ts" : "./payments-service.js"),
  );
  const redis = redisUrl === undefined ? [] : ["--redis", redisUrl];
  const service = spawn(process.execPath, [program, "--port", "0", "--address-file", addressFile, ...redis], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const port = await listeningPort(service);
  return {
    port,
    async stop() {
      const exited = service.exitCode === null ? once(service, "exit") : undefined;
      service.kill("SIGTERM");
      await exited;
    },
  };
}

/** The port the service says it listens on; it throws with the service's own words when it ends instead. */
async function listeningPort(service: ChildProcess): Promise<number> {
  const complaints: string[] = [];
  service.stderr?.on("data", (chunk) => complaints.length < 50 && complaints.push(String(chunk)));
  for await (const line of createInterface({ input: service.stdout as NodeJS.ReadableStream })) {
    const port = /^listening (\d+)$/.exec(line)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new BlackstartError("LAB_FAILED", {
    what: "The demo's payments service did not start.",
    why: complaints.join("").trim() || "It gave no reason.",
    next: "Run the demo again; if it stays so, `npm ci` makes the installation anew.",
  });
}
