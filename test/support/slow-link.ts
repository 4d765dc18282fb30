import { createServer, connect, type Socket } from "node:net";
import { delay } from "../../src/base/time.ts";
import { lowPort } from "../server/api.ts";

/** A way to a server of this machine on which every byte takes so long, in each direction. */
export async function startSlowLink(
  to: { host: string; port: number },
  latencyMs: number,
): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(to.port, to.host);
    for (const [from, into] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => into.destroy());
      from.on("close", () => into.destroy());
      from.on("data", (bytes) => void delay(latencyMs).then(() => into.write(bytes)));
    }
  });
  const port = lowPort();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return {
    port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
