import { BlackstartError, messageOf, whatAndWhy } from "../../src/base/error.ts";
import type { ManagerName } from "../../src/lab/lab.ts";
import { managerNamed } from "../../src/lab/managers.ts";

/** Why no lab with this manager can be made here; false when one can. */
export async function missingFor(manager: ManagerName): Promise<string | false> {
  return managerNamed(manager)
    .prepare({})
    .then(
      () => false,
      (error: unknown) => (error instanceof BlackstartError ? whatAndWhy(error) : messageOf(error)),
    );
}
