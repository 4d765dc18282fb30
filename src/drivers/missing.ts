import { BlackstartError, whatAndWhy } from "../base/error.ts";

/** Something that was asked and not answered: what, and for which reason. */
export type Missing = Readonly<{ what: string; why: string }>;

/**
 * The answer, or undefined and an entry among the missing: one question that is refused must not cost the answers to
 * the others. What is no BlackstartError is a mistake of ours, and is thrown on.
 */
export async function orMissing<T>(missing: Missing[], what: string, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof BlackstartError)) throw error;
    missing.push({ what, why: whatAndWhy(error) });
    return undefined;
  }
}
