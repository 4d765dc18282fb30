import { createServer, type Socket } from "node:net";

/** A server of this machine that takes connections and answers each that it is starting up, for as long as it is asked. */
export async function startStartingServer(port: number): Promise<{ close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on("error", () => client.destroy());
    client.on("data", (bytes) => {
      // SSLRequest: the protocol's own number in the second word.
      if (bytes.length === 8 && bytes.readInt32BE(4) === 80_877_103) client.write("N");
      else client.end(cannotConnectNow());
    });
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return {
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** ErrorResponse (postgresql.org/docs/current/protocol-error-fields.html). */
function cannotConnectNow(): Buffer {
  const fields = Buffer.from("SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0");
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
