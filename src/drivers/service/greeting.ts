import type { SocketAddress } from "./address.ts";
import type { Probe } from "./probe.ts";
import { conversation } from "./tcp.ts";

/**
 * Whether a PostgreSQL server lets new connections through: asks for TLS and waits for the one letter of the answer,
 * which comes from a process that the postmaster had to fork. A stopped postmaster is found by this while its old
 * connections still answer. Needs no login, takes none of `max_connections`, and leaves no line in the server's log
 * (src/backend/tcop/backend_startup.c: an end of file after the negotiation is not complained of).
 */
export function greetingProbe(address: SocketAddress): Probe {
  return (timeoutMs) =>
    conversation(
      address,
      timeoutMs,
      (socket, answer) => {
        socket.once("data", () => answer("good", "It lets new connections through."));
        socket.write(sslRequest);
      },
      "connect",
    );
}

/** SSLRequest: the length, then 1234 and 5679 as 16-bit numbers. PostgreSQL documentation, “Message Formats”. */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
