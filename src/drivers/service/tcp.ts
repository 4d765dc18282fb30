import { connect, type Socket } from "node:net";
import { messageOf } from "../../base/error.ts";
import type { SocketAddress } from "./address.ts";
import type { Probe, ProbeResult } from "./probe.ts";

/** Good when something takes the connection. */
export function tcpProbe(address: SocketAddress): Probe {
  return (timeoutMs) =>
    conversation(address, timeoutMs, (_socket, answer) => answer("good", "It takes connections."), "connect");
}

/**
 * Opens a socket and lets `talk` find the answer. Whatever happens there is one answer within the time limit, and the
 * socket is gone afterwards.
 * @param talk called once the socket is connected
 */
export function conversation(
  address: SocketAddress,
  timeoutMs: number,
  talk: (socket: Socket, answer: (outcome: ProbeResult["outcome"], detail: string) => void) => void,
  connectedOn: "connect" | "secureConnect",
  open: () => Socket = () => connect(address),
): Promise<ProbeResult> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    const socket = open();
    let connected = false;
    const answer = (outcome: ProbeResult["outcome"], detail: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ outcome, detail, tookMs: performance.now() - startedMs });
    };
    const timer = setTimeout(
      () =>
        answer(
          "bad",
          `It ${connected ? "took the connection but did not answer" : "did not answer"} for ${timeoutMs} ms.`,
        ),
      timeoutMs,
    );
    socket.once(connectedOn, () => {
      connected = true;
      talk(socket, answer);
    });
    // Stays for good: an error after the answer must find somebody who hears it.
    socket.on("error", (error) => answer("bad", sentence(error)));
    socket.once("close", () => answer("bad", "It ended the connection without an answer."));
  });
}

/** What a socket's error means, for a person. */
export function sentence(error: unknown): string {
  const code = (error as { code?: string }).code;
  switch (code) {
    case "ECONNREFUSED":
      return "Nothing listens there (connection refused).";
    case "ECONNRESET":
      return "It broke the connection off (connection reset).";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "Its name cannot be resolved.";
    default:
      return `${messageOf(error)}.`;
  }
}
