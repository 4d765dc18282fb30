import { connect as connectTls } from "node:tls";
import { connect } from "node:net";
import { socketAddressOf } from "./address.ts";
import type { Probe } from "./probe.ts";
import { conversation } from "./tcp.ts";

/**
 * A bare PING over a socket of its own: no pool, no queue, no reconnecting that would hide an outage. `refused` when
 * it answers but wants another password.
 */
export function redisProbe(url: string): Probe {
  const address = socketAddressOf(url);
  const secure = url.startsWith("rediss:");
  const { username, password } = new URL(url);
  const login =
    password === "" ? [] : [command("AUTH", ...[username, password].filter(Boolean).map(decodeURIComponent))];
  return (timeoutMs) =>
    conversation(
      address,
      timeoutMs,
      (socket, answer) => {
        let heard = "";
        socket.on("data", (chunk) => {
          heard += chunk.toString("latin1");
          const lines = heard.split("\r\n").slice(0, -1);
          const complaint = lines.find((line) => line.startsWith("-"));
          if (complaint !== undefined && /^-(NOAUTH|WRONGPASS|NOPERM)/.test(complaint))
            answer("refused", `It refuses the login: ${complaint.slice(1)}`);
          else if (complaint !== undefined) answer("bad", `It answers PING with: ${complaint.slice(1)}`);
          else if (lines.includes("+PONG")) answer("good", "It answers PING.");
          else if (heard.length > 4096) answer("bad", "What answers is not Redis.");
        });
        socket.write([...login, command("PING")].join(""));
      },
      secure ? "secureConnect" : "connect",
      () => (secure ? connectTls({ ...address, rejectUnauthorized: true }) : connect(address)),
    );
}

/** A command in the protocol of Redis (RESP): the number of its words, then each with its length in bytes. */
function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}
