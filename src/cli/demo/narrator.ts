import { createInterface } from "node:readline/promises";
import { type Instant, millisecondsBetween } from "../../base/time.ts";
import type { Output } from "../output/output.ts";

/** Tells the story: to stdout for people, to stderr when stdout carries JSON. */
export interface Narrator {
  /** One of the seven acts begins. */
  act(name: string, says: string): void;
  line(text: string): void;
  /** A line that begins with how long after the kill it happened. */
  after(kill: Instant, at: Instant, text: string): void;
  /** Waits for Enter; goes straight on when nobody is there to press it. */
  enter(question: string): Promise<void>;
}

export function createNarrator(out: Output, options: { unattended: boolean; signal: AbortSignal }): Narrator {
  const { style } = out;
  const say = (text: string) => (out.json ? out.progress(text) : out.text(text));
  return {
    act: (name, says) => say(`\n${style.bold(style.cyan(name.padEnd(10)))}${style.bold(says)}`),
    line: (text) => say(`          ${text}`),
    after: (kill, at, text) => say(`${style.dim(`${sinceText(millisecondsBetween(kill, at))}`.padStart(9))} ${text}`),
    async enter(question) {
      if (options.unattended || !out.interactive) return;
      const terminal = createInterface({ input: process.stdin, output: process.stderr });
      try {
        await terminal.question(`\n          ${style.bold(question)} `, { signal: options.signal });
      } finally {
        terminal.close();
      }
    },
  };
}

function sinceText(ms: number): string {
  return ms < 1000 ? `+${Math.round(ms)} ms` : `+${(ms / 1000).toFixed(2)} s`;
}
