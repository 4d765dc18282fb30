import { type IncomingMessage, request } from "node:http";
import type { Finding } from "../../src/finding/finding.ts";
import type { Plan, Refusal } from "../../src/plan/plan.ts";
import { createExecutor } from "../../src/plan/executor.ts";
import { createPlanRuns } from "../../src/server/plan-runs.ts";
import { registryOf } from "../../src/plan/handler.ts";
import type { Health } from "../../src/server/health.ts";
import { createServer, type ServerOptions } from "../../src/server/server.ts";
import { type MemoryTimeline, memoryTimeline } from "../respond/memory-timeline.ts";
import { at, system } from "../respond/world.ts";

export const token = "t".repeat(43);

export type Answer = { status: number; headers: IncomingMessage["headers"]; text: string; json: any };

export type TestApi = {
  timeline: MemoryTimeline;
  findings: Finding[];
  port: number;
  /** What a plan request is answered with. */
  answer: { plan: Plan | Refusal };
  health: { now: Health };
  problems: string[];
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>;
};

export type AskOptions = { body?: unknown; raw?: string; token?: string | null; headers?: Record<string, string> };

/** The API on a port of its own, with parts that a test can turn; closed whatever happens. */
export async function withApi(
  use: (api: TestApi) => Promise<void>,
  options: Partial<ServerOptions> = {},
): Promise<void> {
  const timeline = memoryTimeline();
  const findings: Finding[] = [];
  const problems: string[] = [];
  const answer: TestApi["answer"] = { plan: planOf("restart-1") };
  const health: TestApi["health"] = { now: { healthy: true, checks: [{ name: "loop", ok: true, seen: "runs" }] } };
  const stop = new AbortController();
  const handler = {
    kind: "test.do",
    check: async () => ({ state: "ready" }) as const,
    do: async () => ({}),
    verify: async () => undefined,
  };
  const executor = createExecutor({ timeline, handlers: registryOf(handler), signal: stop.signal });
  const planRuns = createPlanRuns({ timeline, executor, problem: (text) => void problems.push(text) });
  const parts = {
    system,
    timeline,
    watcher: { findings: () => findings, nodes: () => [] },
    planRuns,
    makePlan: async () => answer.plan,
    health: () => health.now,
    startedAt: at(0),
    version: "0.0.0",
  };
  const failed = (error: unknown) => void problems.push(String(error));
  const { api, readers } = await createServer(parts, { token, host: "127.0.0.1", failed, ...options });
  const port = await listenLow(api);
  try {
    await use({ timeline, findings, port, answer, health, problems, ask: (...asked) => ask(port, ...asked) });
  } finally {
    stop.abort();
    await readers.close();
    await api.close();
    await planRuns.close();
  }
}

/** Below the ephemeral range, where outgoing connections take ports. */
async function listenLow(api: { listen(where: { host: string; port: number }): Promise<unknown> }): Promise<number> {
  for (let attempt = 0; ; attempt += 1) {
    const port = lowPort();
    try {
      await api.listen({ host: "127.0.0.1", port });
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || attempt > 50) throw error;
    }
  }
}

export function lowPort(): number {
  return 12_000 + Math.floor(Math.random() * 20_000);
}

export function planOf(id: string, incident?: string): Plan {
  return {
    id,
    kind: "restart",
    subject: { kind: "cluster", name: "ledger" },
    ...(incident === undefined ? {} : { incident }),
    because: ["it is down"],
    risk: { lossBytes: 0, lossSeconds: 0, downtimeSeconds: 1, statements: [] },
    steps: [{ id: "do", kind: "test.do", title: "Do it", parameters: {} }],
    createdAt: at(0),
  };
}

/** With node's own client: `fetch` would not let a test set the Host header. */
export function ask(port: number, method: string, path: string, options: AskOptions = {}): Promise<Answer> {
  const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const given = options.token === undefined && method !== "GET" ? token : options.token;
  const headers = {
    ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    ...(given ? { authorization: `Bearer ${given}` } : {}),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part) => {
        text += part;
      });
      response.on("error", reject);
      response.on("end", () => {
        const json = response.headers["content-type"]?.includes("json") ? JSON.parse(text) : undefined;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}
