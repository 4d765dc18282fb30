import { access } from "node:fs/promises";
import { join } from "node:path";
import { BlackstartError } from "../base/error.ts";
import { systemClock } from "../base/time.ts";
import { discoverClusters } from "../drivers/postgres/discover.ts";
import { hostAndPort, serverOf } from "../system/address.ts";
import type { Environment } from "../system/home.ts";
import { parseSystem } from "../system/load.ts";
import { withoutPassword } from "../system/secrets.ts";
import { writeSystem } from "../system/write.ts";
import { draftSystem } from "./init/draft.ts";

export type InitOptions = Readonly<{
  /** The name of the system. Default: that of its first cluster. */
  system?: string;
  /** The moment that stands in the file. */
  now?: string;
}>;

/** `notes`: what could not be found out, and what is to be done before the file can be used; a sentence each. */
export type InitResult = Readonly<{ text: string; notes: readonly string[] }>;

/**
 * Asks running servers and writes down the system they are: the text of a blackstart.yaml that passes its own check.
 * Changes nothing; no password is in the text. Throws UNREACHABLE when none of the servers can be asked.
 */
export async function initFile(urls: readonly string[], options: InitOptions = {}): Promise<InitResult> {
  for (const url of urls) if (!/^postgres(ql)?:\/\//.test(url) || serverOf(url) === undefined) throw noUrl(url);
  const clusters = await discoverClusters(urls);
  const here = new Set<string>();
  for (const { url, facts } of clusters.flatMap(({ nodes }) => nodes))
    if (facts !== null && (await isHere(url, facts.settings.dataDirectory))) here.add(url);
  const now = options.now ?? systemClock.now();
  const { draft, variables, notes } = draftSystem(clusters, {
    system: options.system,
    now,
    isHere: (url) => here.has(url),
  });
  const text = writeSystem(draft);
  // A file that its own check refuses is our mistake; it must not reach the user.
  const environment: Environment = Object.fromEntries(variables.map((name) => [name, "x"]));
  parseSystem(text, { path: "the written file", environment });
  return { text, notes };
}

/** True where the server's data directory lies on this machine: only then `host: local` can be right. */
async function isHere(url: string, dataDirectory: string): Promise<boolean> {
  const host = hostAndPort(url)?.host ?? "";
  if (
    dataDirectory === "" ||
    !(host.startsWith("/") || host.startsWith("127.") || host === "localhost" || host === "::1")
  )
    return false;
  try {
    await access(join(dataDirectory, "PG_VERSION"));
    return true;
  } catch (error) {
    // Not for us to look into is still here; not there at all means: another machine, behind a tunnel.
    return (error as { code?: string }).code === "EACCES";
  }
}

function noUrl(text: string): BlackstartError {
  return new BlackstartError("USAGE", {
    what: `“${withoutPassword(text)}” is no url of a PostgreSQL server.`,
    why: "It must begin with postgres://, and in a password @ : / ? # % must be percent-encoded.",
    next: "Write it as postgres://user:password@address:5432/database",
  });
}
