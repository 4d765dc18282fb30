/**
 * One figure: what was measured, side by side with what in the same run, and whether the goal is met.
 * `ratio` is measured ÷ against where both are of one kind; the goal says which way is better.
 */
export type BenchRow = {
  name: string;
  measured: string;
  against: string;
  ratio?: number;
  goal: string;
  met: boolean;
};

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param part 0.95: the value that 95 of 100 do not exceed (nearest rank) */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  const index = Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1));
  const value = sorted[index];
  if (value === undefined) throw new Error("there is no median of nothing");
  return value;
}
