import { messageOf } from "../base/error.ts";

/** What has to be closed at the end, the last first; each gets a share of the time, and none keeps the others waiting. */
export interface Closers {
  add(name: string, close: () => Promise<void>): void;
  /** The second call waits for the first. */
  close(): Promise<void>;
}

/** SIGTERM to end: 2 s in all; supervisors kill soon after. */
const timeoutMs = 1800;

export function createClosers(notice: (line: string) => void): Closers {
  const all: { name: string; close: () => Promise<void> }[] = [];
  let closing: Promise<void> | undefined;

  async function closeAll(): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (const { name, close } of all.reverse())
      await within(Math.max(50, deadline - performance.now()), close).catch((error) =>
        notice(`Could not close ${name}: ${messageOf(error)}`),
      );
  }

  return {
    add: (name, close) => void all.push({ name, close }),
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}

async function within(ms: number, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${Math.round(ms)} ms`)), ms);
  });
  try {
    await Promise.race([work(), expired]);
  } finally {
    clearTimeout(timer);
  }
}
