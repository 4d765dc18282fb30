import { BlackstartError } from "../../../base/error.ts";
import { type Conninfo, formatConninfo } from "../conninfo.ts";
import { commandFailed, type Place } from "./place.ts";

const timeoutMs = 15_000;
const noProgram = 7;

/** libpq itself, as the server's own receiver and pg_rewind use it: what it does not know, it names. */
const script = `
programs=$1 conninfo=$2 query=$3
psql=$programs/psql
[ -x "$psql" ] || psql=$(command -v psql) || exit ${noProgram}
IFS= read -r PGPASSWORD && [ -n "$PGPASSWORD" ] && export PGPASSWORD || unset PGPASSWORD
PGCONNECT_TIMEOUT=5 "$psql" -X -A -t -d "$conninfo" -c "$query"
`;

/** See `Instance.tryLogin`. */
export async function tryLogin(place: Place, programs: string, conninfo: Conninfo, query: string): Promise<string> {
  const { password, ...shown } = conninfo;
  const result = await place.host.run({
    script,
    args: [programs, formatConninfo(shown), query],
    // Not among the arguments, which every account of the machine can see.
    input: `${password ?? ""}\n`,
    as: place.dataDirectory,
    timeoutMs,
  });
  if (result.code === 0) return result.stdout.trim();
  if (result.code !== noProgram) throw commandFailed(place, "logging in from there", result);
  throw new BlackstartError("NOT_POSSIBLE_NOW", {
    what: `Logging in from ${place.node} cannot be tried.`,
    why: `${place.host.reference} has no psql.`,
    next: "Install PostgreSQL's client programs there.",
    details: { node: place.node, host: place.host.reference },
  });
}
