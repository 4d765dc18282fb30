import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { MitigationContext } from "../../src/mitigate/context.ts";
import { verifyWriteHandler } from "../../src/mitigate/steps/verify-write.ts";
import { hostAndPort } from "../../src/system/address.ts";
import { systemSchema } from "../../src/system/schema.ts";
import { withFolder } from "../support/folder.ts";
import { installedBinaries, withServer } from "../wal/server.ts";

const binaries = [...installedBinaries().values()][0];

test(
  "the verifying write goes to the clients' address, however the node's own url names its server",
  { skip: binaries === undefined ? "no PostgreSQL server binaries" : false },
  () =>
    withFolder((folder) =>
      withServer(binaries as string, folder, {}, async (server) => {
        const file = join(folder, "address");
        const { host, port } = hostAndPort(server.url) ?? assert.fail();
        await writeFile(file, `${host}:${port}\n`);
        const { username, pathname } = new URL(server.url);
        for (const url of [
          `postgres://${username}@${pathname}`,
          `postgres://${username}@${pathname}?host=/nowhere&port=1`,
          `postgres://${username}@127.0.0.1:1${pathname}`,
        ]) {
          const clusters = { ledger: { nodes: { pg1: { url } }, clients: { file } } };
          const system = systemSchema.parse({ system: "test", clusters });
          const outcome = await verifyWriteHandler({ system } as MitigationContext).do({
            planId: "p",
            stepId: "verify",
            run: {},
            parameters: { cluster: "ledger", primary: "pg1", waitsFor: 0 },
            signal: new AbortController().signal,
            assertHeld: async () => undefined,
            progress: () => undefined,
          });
          assert.equal(outcome.waitedFor, 0, url);
        }
      }),
    ),
);
