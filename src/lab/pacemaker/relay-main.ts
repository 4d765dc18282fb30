import { existsSync, mkdirSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { readRecord, recordFile } from "../record.ts";
import { clientFolder, shapeOf, socketIn } from "./places.ts";

/**
 * The program on the clients' machine: for each virtual address it listens on a socket in the lab's directory, which can
 * be reached from every network namespace, and passes on to the address, which cannot. One connection each way, nothing
 * kept, nothing repeated: what the client sees is what the address does.
 *
 * It begins when it is told to, and ends when the lab's directory is gone.
 */
const directory = process.argv[2] as string;
const connectTimeoutMs = 3000;

for await (const word of createInterface({ input: process.stdin })) if (word === "relay") break;
const record = existsSync(recordFile(directory)) ? readRecord(directory) : undefined;
if (record === undefined) process.exit(1);
const { virtualAddresses, port } = shapeOf(record);
for (const { resource, address } of virtualAddresses) {
  const folder = clientFolder(record, resource);
  mkdirSync(folder, { recursive: true });
  createServer({ allowHalfOpen: true }, (client) => relay(client, address)).listen(socketIn(folder, port));
}
setInterval(() => existsSync(recordFile(directory)) || process.exit(0), 500);

function relay(client: Socket, host: string): void {
  const server = connect({ host, port, allowHalfOpen: true, noDelay: true });
  server.setKeepAlive(true);
  const giveUp = setTimeout(end, connectTimeoutMs);
  server.once("connect", () => clearTimeout(giveUp));
  client.pipe(server);
  server.pipe(client);
  for (const socket of [client, server]) socket.on("error", end).on("close", end);

  function end(): void {
    clearTimeout(giveUp);
    client.destroy();
    server.destroy();
  }
}
