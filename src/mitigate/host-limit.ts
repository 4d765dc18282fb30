import { BlackstartError } from "../base/error.ts";

/** The answer, or UNREACHABLE after the limit; what comes later is of no interest. */
export async function withLimit<T>(work: Promise<T> | T, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new BlackstartError("UNREACHABLE", {
          what: `The host did not answer within ${timeoutMs} ms.`,
          why: "It is down or overloaded, or the network to it is cut.",
          next: "See whether the machine answers at all.",
        }),
      );
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
