import { type AddressInfo, createServer, connect, type Socket } from "node:net";

/** A line to a server on which everything takes its time. */
export type Link = Readonly<{ port: number; close(): void }>;

/** @param distanceMs there and back together */
export async function openLink(port: number, distanceMs: number): Promise<Link> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      const later = (act: () => void) => void setTimeout(act, distanceMs / 2);
      from.on("data", (piece) => later(() => to.writable && to.write(piece)));
      from.on("end", () => later(() => to.end()));
      from.on("error", () => later(() => to.destroy()));
      from.on("close", () => {
        sockets.delete(from);
        later(() => to.destroy());
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
