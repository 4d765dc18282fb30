import { type Instant } from "../../base/time.ts";
import type { Counts } from "../../drivers/service/counters.ts";

/** What a service counted between two moments: the closest that its scraped counters tell. */
export type Impact = Readonly<{ service: string; requests: number; failed: number; from: Instant; to: Instant }>;

type Sample = Counts & Readonly<{ atMs: number }>;

/** A small history of counters: every second of the last quarter of an hour, every 15 seconds of the last day. */
export interface CountHistory {
  add(counts: Counts, at: Instant): void;
  /** Undefined when nothing was counted around that time. */
  between(service: string, from: Instant, to: Instant): Impact | undefined;
}

const fineCount = 900;
const coarseEveryMs = 15_000;
const coarseCount = 5760;

export function createCountHistory(): CountHistory {
  let fine: Sample[] = [];
  let coarse: Sample[] = [];
  return {
    add(counts, at) {
      fine.push({ ...counts, atMs: Date.parse(at) });
      if (fine.length <= fineCount) return;
      const leaving = fine.slice(0, fine.length - fineCount);
      fine = fine.slice(-fineCount);
      for (const sample of leaving) if (sample.atMs - (coarse.at(-1)?.atMs ?? 0) >= coarseEveryMs) coarse.push(sample);
      coarse = coarse.slice(-coarseCount);
    },
    between(service, from, to) {
      const samples = [...coarse, ...fine];
      const first = samples.findLastIndex((sample) => sample.atMs <= Date.parse(from));
      const after = samples.findIndex((sample) => sample.atMs >= Date.parse(to));
      const window = samples.slice(Math.max(0, first), after === -1 ? undefined : after + 1);
      if (window.length < 2) return undefined;
      return { service, from, to, requests: increase(window, "requests"), failed: increase(window, "failed") };
    },
  };
}

/** A counter that falls was reset by a restart and counts from 0 again; Prometheus' `increase` does the same. */
function increase(samples: readonly Sample[], which: keyof Counts): number {
  let sum = 0;
  for (let at = 1; at < samples.length; at++) {
    const before = samples[at - 1]?.[which] ?? 0;
    const now = samples[at]?.[which] ?? 0;
    sum += now >= before ? now - before : now;
  }
  return sum;
}
