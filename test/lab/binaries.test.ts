import assert from "node:assert/strict";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { accountFromPasswd, canReach } from "../../src/lab/account.ts";
import { findBinaries } from "../../src/lab/binaries.ts";
import { npmShippedDirectory, usableNpmShipped } from "../../src/lab/npm-binaries.ts";
import { withFolder } from "../support/folder.ts";

const shipped = npmShippedDirectory();

describe("the server binaries", () => {
  test("that were asked for by name and are not there are an error, not passed over", async () => {
    await assert.rejects(findBinaries({ environment: { BLACKSTART_PG_BINDIR: "/nonexistent" } }), {
      code: "POSTGRES_NOT_FOUND",
    });
    await assert.rejects(findBinaries({ directory: "/usr" }), { code: "POSTGRES_NOT_FOUND" });
  });

  test("that are too old are refused with their version", () =>
    withFolder(async (folder) => {
      for (const name of ["postgres", "initdb"]) {
        writeFileSync(join(folder, name), "#!/bin/sh\necho 'postgres (PostgreSQL) 12.22 (Debian)'\n", { mode: 0o755 });
      }
      await assert.rejects(findBinaries({ directory: folder }), (error: Error & { why: string }) => {
        assert.match(error.why, /12\.22/);
        return true;
      });
    }));

  test("named by BLACKSTART_PG_BINDIR come first", {
    skip: shipped === undefined && "not shipped for this platform",
  }, async () => {
    const found = await findBinaries({ environment: { ...process.env, BLACKSTART_PG_BINDIR: shipped } });
    assert.equal(found.origin, "BLACKSTART_PG_BINDIR");
    assert.ok(found.major >= 18);
  });

  test(
    "that npm shipped without their links are copied once, whole, by several at the same time",
    { skip: shipped === undefined && "not shipped for this platform" },
    () =>
      withFolder(async (folder) => {
        chmodSync(folder, 0o755);
        const source = join(folder, "package");
        mkdirSync(source);
        cpSync(dirname(dirname(shipped as string)), source, { recursive: true, verbatimSymlinks: true });
        const lib = join(source, "native", "lib");
        for (const name of readdirSync(lib))
          if (/\.so(\.\d+)?$/.test(name) && existsSync(join(lib, name)) && name !== "libpq.so.5.18")
            rmIfLink(join(lib, name));
        const bin = join(source, "native", "bin");
        const cache = join(folder, "cache");
        // As a process that was killed leaves it.
        mkdirSync(join(cache, "binaries", "package-x.part", "native"), { recursive: true });
        const environment = { ...process.env, BLACKSTART_CACHE: cache };
        const copies = await Promise.all([1, 2, 3].map(() => usableNpmShipped(bin, environment)));
        assert.equal(new Set(copies).size, 1);
        assert.ok(copies[0]?.startsWith(cache));
        assert.ok((await findBinaries({ directory: copies[0] as string })).major >= 18);
        assert.ok(!readdirSync(join(cache, "binaries")).some((name) => name.endsWith(".part")));
        assert.ok(existsSync(join(copies[0] as string, "..", "lib", "libpq.so.5")));
      }),
  );
});

describe("the account that runs the servers", () => {
  test("is nobody, as /etc/passwd has it", () => {
    assert.deepEqual(accountFromPasswd("root:x:0:0::/root:/bin/sh\nnobody:x:99:98:n:/:/bin/false\n"), {
      name: "nobody",
      uid: 99,
      gid: 98,
    });
    assert.equal(accountFromPasswd("root:x:0:0::/root:/bin/sh\n"), undefined);
  });

  test("cannot reach what lies below a closed folder", () =>
    withFolder(async (folder) => {
      const inner = join(folder, "inner");
      mkdirSync(inner);
      chmodSync(folder, 0o700);
      const nobody = { name: "nobody", uid: 65534, gid: 65534 };
      assert.equal(canReach(inner, nobody), false);
      assert.equal(canReach(inner, undefined), true);
      chmodSync(folder, 0o711);
      assert.equal(canReach(inner, nobody), true);
    }));
});

function rmIfLink(path: string): void {
  rmSync(path, { force: true });
}
