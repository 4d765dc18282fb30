import { createInterface } from "node:readline/promises";
import { type Instant, millisecondsBetween } from "../../base/time.ts";
import { wrapped } from "../output/layout.ts";
import type { Output } from "../output/output.ts";

/** Tells the story: to stdout for people, to stderr when stdout carries JSON. */
export interface Narrator {
  /** One of the seven acts begins. */
  act(name: string, says: string): void;
  line(text: string): void;
  /** A line that begins with how long after the kill it happened. */
  after(kill: Instant, at: Instant, text: string): void;
  /** Waits for Enter; goes straight on when nobody is there to press it. Answers how long it took, in milliseconds. */
  enter(question: string): Promise<number>;
}

export function createNarrator(out: Output, options: { unattended: boolean; signal: AbortSignal }): Narrator {
  const { style } = out;
  const say = (text: string) => (out.json ? out.progress(text) : out.text(text));
  const told = (first: string, text: string) => {
    for (const line of wrapped(text, out.layout.width, first)) say(line);
  };
  return {
    act(name, says) {
      say("");
      told(style.bold(style.cyan(name.padEnd(10))), says);
    },
    line: (text) => told(" ".repeat(10 + text.search(/\S/)), text.trimStart()),
    after: (kill, at, text) => told(style.dim(`${sinceText(millisecondsBetween(kill, at))} `.padStart(10)), text),
    async enter(question) {
      if (options.unattended || !out.interactive) return 0;
      const asked = performance.now();
      const terminal = createInterface({ input: process.stdin, output: process.stderr });
      try {
        await terminal.question(`\n          ${style.bold(question)} `, { signal: options.signal });
      } finally {
        terminal.close();
      }
      return performance.now() - asked;
    },
  };
}

function sinceText(ms: number): string {
  return ms < 1000 ? `+${Math.round(ms)} ms` : `+${(ms / 1000).toFixed(2)} s`;
}
