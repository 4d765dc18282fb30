import { chmod } from "node:fs/promises";
import { createLab } from "../../src/lab/create.ts";
import type { Lab, LabOptions } from "../../src/lab/lab.ts";
import { withFolder } from "./folder.ts";

/**
 * A lab of the test's own, always torn down. Without fsync unless asked for: no test here looks at a power loss.
 * Its `home` is a folder of its own as well, so that nothing is left in the user's.
 */
export async function withLab<T>(options: LabOptions, use: (lab: Lab) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    // The account that runs the servers, where we are root, must be able to enter it.
    await chmod(folder, 0o755);
    const lab = await createLab({ durable: false, home: folder, ...options });
    try {
      return await use(lab);
    } finally {
      await lab.down();
    }
  });
}
