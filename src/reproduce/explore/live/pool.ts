/**
 * Does the work for each item, so many at once, and answers in their order; undefined where it was ended before. Returns when
 * nothing is under way. The first error that is not of the abort ends it, and is thrown.
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  { jobs, signal }: Readonly<{ jobs: number; signal: AbortSignal }>,
  work: (item: Item) => Promise<Result>,
): Promise<readonly (Result | undefined)[]> {
  const results: (Result | undefined)[] = items.map(() => undefined);
  const problems: unknown[] = [];
  const queue = items.entries();
  const worker = async () => {
    // All workers take from one iterator.
    for (const [index, item] of queue) {
      if (signal.aborted || problems.length > 0) return;
      try {
        results[index] = await work(item);
      } catch (error) {
        problems.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  if (problems.length > 0 && !signal.aborted) throw problems[0];
  return results;
}
