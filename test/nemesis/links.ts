import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * The network between us, the clients and the nodes: TCP relays, one port for each way in. A line is named by its two
 * ends, `us>pg1`, `clients>pg1`, `pg2>pg1`, and can be broken by itself.
 *
 * `cut`: connections are reset and new ones refused. `silent`: nothing comes or goes, and nobody is told. `deaf`: what is
 * asked arrives, and no answer comes back. `mute`: nothing that is asked arrives.
 */
export type LineState = "open" | "cut" | "silent" | "deaf" | "mute";

export interface Links {
  set(line: string, state: LineState): void;
  healAll(): void;
  broken(): readonly string[];
  close(): Promise<void>;
}

/** `from`: whose connections come in there; `nodes`: those who name themselves by application_name. */
export type Way = Readonly<{ port: number; from: "us" | "clients" | "nodes"; to: string; target: number }>;

type Pair = { line: string; settle(state: LineState): void };

export async function openLinks(ways: readonly Way[]): Promise<Links> {
  const states = new Map<string, LineState>();
  const pairs = new Set<Pair>();
  const stateOf = (line: string) => states.get(line) ?? "open";
  const servers = await Promise.all(ways.map((way) => listen(way, pairs, stateOf)));
  const settleAll = () => {
    for (const pair of pairs) pair.settle(stateOf(pair.line));
  };
  return {
    set(line, state) {
      states.set(line, state);
      settleAll();
    },
    healAll() {
      states.clear();
      settleAll();
    },
    broken: () => [...states].filter(([, state]) => state !== "open").map(([line]) => line),
    async close() {
      states.clear();
      for (const pair of pairs) pair.settle("cut");
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

function listen(way: Way, pairs: Set<Pair>, stateOf: (line: string) => LineState): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    const line = `${way.from}>${way.to}`;
    const pair = makePair(client, way, line, {
      named: () => pair.settle(stateOf(pair.line)),
      closed: () => pairs.delete(pair),
    });
    pairs.add(pair);
    pair.settle(stateOf(pair.line));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(way.port, "127.0.0.1", () => resolve(server));
  });
}

function makePair(client: Socket, way: Way, line: string, told: { named(): void; closed(): void }): Pair {
  const server = connect({ port: way.target, host: "127.0.0.1", allowHalfOpen: true });
  let state: LineState = "open";
  let isClosed = false;
  let beginning: Buffer | undefined = way.from === "nodes" ? Buffer.alloc(0) : undefined;
  // Before the lane: a name is known before anything is handed on.
  client.on("data", (chunk: Buffer) => {
    if (beginning === undefined) return;
    beginning = Buffer.concat([beginning, chunk]);
    const name = applicationName(beginning);
    if (name !== undefined) {
      pair.line = `${name}>${way.to}`;
      beginning = undefined;
      told.named();
    } else if (beginning.length > 2000) beginning = undefined;
  });
  const asks = makeLane(client, server);
  const answers = makeLane(server, client);
  const reset = () => {
    if (isClosed) return;
    isClosed = true;
    for (const socket of [client, server]) socket.destroy();
    told.closed();
  };
  // While the line is broken, neither end learns that the other is gone.
  const lost = () => {
    if (state === "open") reset();
  };
  for (const socket of [client, server]) {
    socket.setNoDelay(true);
    socket.on("error", lost);
    socket.on("close", lost);
  }
  const pair: Pair = {
    line,
    settle(wanted) {
      if (isClosed) return;
      state = wanted;
      if (wanted === "cut") return reset();
      asks.go(wanted === "open" || wanted === "deaf");
      answers.go(wanted === "open" || wanted === "mute");
      if (wanted === "open" && (client.destroyed || server.destroyed)) reset();
    },
  };
  return pair;
}

/** Carries what one end says to the other; what is on its way when it stops arrives when it goes on. */
function makeLane(source: Socket, target: Socket): { go(flows: boolean): void } {
  let held: (Buffer | null)[] = [];
  let flows = true;
  target.on("drain", () => source.resume());
  const hand = (chunk: Buffer | null) => {
    if (target.destroyed) return;
    if (chunk === null) target.end();
    else if (!target.write(chunk)) source.pause();
  };
  const take = (chunk: Buffer | null) => {
    if (flows) hand(chunk);
    else held.push(chunk);
  };
  source.on("data", (chunk: Buffer) => take(chunk));
  source.on("end", () => take(null));
  return {
    go(wanted) {
      flows = wanted;
      if (!flows) return;
      const waiting = held;
      held = [];
      for (const chunk of waiting) hand(chunk);
      source.resume();
    },
  };
}

/** In the start-up message names and values follow each other, each ended by a zero byte (protocol 3.0). */
function applicationName(bytes: Buffer): string | undefined {
  const name = "\0application_name\0";
  const start = bytes.indexOf(name);
  if (start < 0) return undefined;
  const end = bytes.indexOf(0, start + name.length);
  return end < 0 ? undefined : bytes.toString("utf8", start + name.length, end);
}
