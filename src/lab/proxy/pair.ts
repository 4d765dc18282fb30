import { connect, type Socket } from "node:net";
import { type Lane, type Line, makeLane } from "./lane.ts";

/**
 * One client's connection and the one to the server behind it.
 *
 *   waiting ─(open)─► joined ◄─(open / freeze)─► frozen          any ─(reset, or an end closes)─► closed
 *
 * waiting: accepted while the network was a black hole; the server knows nothing of it yet.
 * frozen: nothing is read from either end, so that neither learns that the other is gone.
 */
export interface Pair {
  /** The node that the client says it is, by the application_name of its start-up message; undefined for others. */
  from(): string | undefined;
  /** With a line: as slow as that one. */
  open(line?: Line): void;
  freeze(): void;
  reset(): void;
}

export function makePair(
  client: Socket,
  serverPort: number,
  told: { from: (pair: Pair) => void; closed: (pair: Pair) => void },
): Pair {
  let server: Socket | undefined;
  let answers: Lane | undefined;
  let frozen = true;
  let from: string | undefined;
  let beginning: Buffer | undefined = Buffer.alloc(0);
  let closed = false;

  const questions = makeLane(client, () => server);
  const reset = () => {
    if (closed) return;
    closed = true;
    for (const lane of [questions, answers]) lane?.close();
    for (const socket of [client, server]) socket?.resetAndDestroy();
    told.closed(pair);
  };
  const lost = () => {
    if (!frozen) reset();
  };
  const forward = (source: Socket, lane: Lane, back: () => Lane | undefined) => {
    source.setNoDelay(true);
    source.pause();
    source.on("data", (chunk: Buffer) => {
      if (source === client && beginning !== undefined) sniff(chunk);
      if (!closed) lane.push(chunk);
    });
    source.on("drain", () => back()?.drained());
    source.on("end", () => lane.end());
    source.on("error", lost);
    source.on("close", lost);
  };
  const sniff = (chunk: Buffer) => {
    beginning = Buffer.concat([beginning as Buffer, chunk]);
    from = applicationName(beginning);
    // A start-up message is short; after that it is the client's own data and none of our business.
    if (from !== undefined || beginning.length > 2000) beginning = undefined;
    if (from !== undefined) told.from(pair);
  };
  const pair: Pair = {
    from: () => from,
    reset,
    freeze() {
      frozen = true;
      questions.hold();
      answers?.hold();
    },
    open(line) {
      if (closed) return;
      frozen = false;
      if (client.destroyed || server?.destroyed) return reset();
      if (server === undefined) {
        server = connect({ port: serverPort, host: "127.0.0.1", allowHalfOpen: true });
        answers = makeLane(server, () => client);
        forward(server, answers, () => questions);
      }
      questions.go(line);
      answers?.go(line);
    },
  };
  forward(client, questions, () => answers);
  return pair;
}

/** In the start-up message names and values follow each other, each ended by a zero byte (protocol 3.0). */
export function applicationName(bytes: Buffer): string | undefined {
  const name = "\0application_name\0";
  const start = bytes.indexOf(name);
  if (start < 0) return undefined;
  const end = bytes.indexOf(0, start + name.length);
  return end < 0 ? undefined : bytes.toString("utf8", start + name.length, end);
}
