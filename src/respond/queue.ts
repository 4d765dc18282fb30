import { BlackstartError } from "../base/error.ts";

/** Work done one piece after the other, in order. What fails does not stop what comes after it. */
export interface Queue {
  add(work: () => Promise<void>): Promise<void>;
}

/** @param waitingMax so many may wait; one more is refused, so that a store that hangs does not fill the memory */
export function createQueue(waitingMax: number): Queue {
  let tail: Promise<void> = Promise.resolve();
  let waiting = 0;
  return {
    add(work) {
      if (waiting >= waitingMax) return Promise.reject(overfull(waiting));
      waiting += 1;
      const done = tail.then(work).finally(() => {
        waiting -= 1;
      });
      // Whoever gave the work is told of its failure; for the next one it only matters that it ended.
      tail = done.catch(() => undefined);
      return done;
    },
  };
}

function overfull(waiting: number): BlackstartError {
  return new BlackstartError("STORE_UNUSABLE", {
    what: `${waiting} changes wait to be written to the timeline.`,
    why: "The store hangs, or is slower than the world changes.",
    next: "Look at the disk under the timeline. What is wrong then is read anew once the store answers.",
  });
}
