import { parse } from "yaml";
import { BlackstartError, messageOf } from "../../base/error.ts";
import type { Host } from "../host/host.ts";
import { type Missing, orMissing } from "../missing.ts";
import { get } from "../service/http.ts";

/** How Patroni is configured on one node, secrets included: nobody may keep this as it is. */
export type PatroniConfiguration = Readonly<{
  version: string | undefined;
  /** What stands in the distributed store, the same for all members: `GET /config`. */
  dynamic: Mapping | undefined;
  /** This member's patroni.yml. */
  local: Mapping | undefined;
  missing: readonly Missing[];
}>;

export type Mapping = Readonly<Record<string, unknown>>;

const timeoutMs = 3000;
const bodyBytesMax = 1024 * 1024;
const usualPort = 8008;

/**
 * Asks Patroni's REST API, and reads its file where there is a host. The file is that of the Patroni which runs for this
 * data directory; the API's address stands in it, else its usual port at the server's address is tried.
 */
export async function askPatroni(server: {
  host: Host | undefined;
  address: string | undefined;
  dataDirectory: string | undefined;
}): Promise<PatroniConfiguration> {
  const missing: Missing[] = [];
  const { host, dataDirectory } = server;
  if (host === undefined) missing.push({ what: "patroni.yml", why: "The node has no `host` in the system file." });
  const found = host && (await orMissing(missing, "patroni.yml", () => askFiles(host, dataDirectory)));
  const local = found && chosen(found.files, dataDirectory);
  if (found !== undefined && local === undefined)
    missing.push({ what: "patroni.yml", why: "No Patroni runs there with a file for this data directory." });
  const api = apiOf(local, server.address);
  const asked = async (path: string) => orMissing(missing, `Patroni's ${path}`, () => askApi(api, path));
  const status = await asked("/patroni");
  const version = textAt(status, "patroni", "version") ?? found?.version;
  return { version, dynamic: await asked("/config"), local, missing };
}

type Found = Readonly<{ version: string | undefined; files: readonly Mapping[] }>;

async function askFiles(host: Host, dataDirectory: string | undefined): Promise<Found> {
  const { stdout } = await host.run({ script, ...(dataDirectory === undefined ? {} : { as: dataDirectory }) });
  const [first = "", ...texts] = stdout.split(`${separator}\n`);
  return { version: /(\d+(?:\.\d+)+)/.exec(first)?.[1], files: texts.flatMap(mappingIn) };
}

/** What cannot be read as YAML is no file of this Patroni; it could not have started with it. */
function mappingIn(text: string): readonly Mapping[] {
  try {
    const value: unknown = parse(text);
    return isMapping(value) ? [value] : [];
  } catch {
    return [];
  }
}

function chosen(files: readonly Mapping[], dataDirectory: string | undefined): Mapping | undefined {
  if (dataDirectory === undefined) return files.length === 1 ? files[0] : undefined;
  return files.find((file) => textAt(file, "postgresql", "data_dir")?.replace(/\/+$/, "") === dataDirectory);
}

function apiOf(local: Mapping | undefined, address: string | undefined): string | undefined {
  const place = textAt(local, "restapi", "connect_address") ?? textAt(local, "restapi", "listen");
  const scheme = textAt(local, "restapi", "certfile") === undefined ? "http" : "https";
  if (place !== undefined) return `${scheme}://${place.replace(/^(0\.0\.0\.0|\*|::)(?=:)/, "127.0.0.1")}`;
  return address === undefined ? undefined : `http://${address.includes(":") ? `[${address}]` : address}:${usualPort}`;
}

async function askApi(api: string | undefined, path: string): Promise<Mapping> {
  if (api === undefined) throw unanswered(`The address of its REST API is not known.`);
  let answer: { status: number; body: string };
  try {
    answer = await get(`${api}${path}`, timeoutMs, { bodyBytesMax });
    const value: unknown = JSON.parse(answer.body);
    // `/patroni` answers 503 for what is not running well, and tells its version all the same.
    if (isMapping(value)) return value;
  } catch (error) {
    throw error instanceof BlackstartError ? error : unanswered(`${api} did not answer: ${messageOf(error)}`);
  }
  throw unanswered(`${api} answered with status ${answer.status} and no configuration.`);
}

function unanswered(why: string): BlackstartError {
  return new BlackstartError("UNREACHABLE", {
    what: "Patroni could not be asked.",
    why,
    next: "See whether Patroni runs, and `restapi` in its patroni.yml.",
  });
}

function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const end = path.reduce<unknown>((here, key) => (isMapping(here) ? here[key] : undefined), value);
  return typeof end === "string" ? end : undefined;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const separator = "--- blackstart: a file of Patroni ---";

/** The version, then the files of the Patronis that run, then those at the usual places. */
const script = `
patroni --version 2>/dev/null
show() { [ -r "$1" ] && { echo; echo '${separator}'; cat "$1"; }; }
for folder in /proc/[0-9]*; do
  tr '\\0' '\\n' 2>/dev/null <"$folder/cmdline" | grep -q patroni || continue
  tr '\\0' '\\n' 2>/dev/null <"$folder/cmdline" | grep -E '^/.*\\.ya?ml$' | while IFS= read -r file; do show "$file"; done
done
for file in /etc/patroni/*.yml /etc/patroni/*.yaml /etc/patroni.yml; do show "$file"; done
exit 0
`;
