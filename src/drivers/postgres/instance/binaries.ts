import { commandFailed, type Place } from "./place.ts";

const timeoutMs = 10_000;
/** Exit code of the script: no data directory. */
const noDirectory = 3;

/**
 * The first directory whose `postgres` is of the data directory's version, by `PG_VERSION`: a newer server would refuse
 * the data, and a machine often has several.
 */
const script = `
data=$1 given=$2 wanted=$3
[ -d "$data" ] || { echo "The data directory $data does not exist, or the way to it is closed to our account." >&2; exit 3; }
[ -n "$wanted" ] || { read -r wanted <"$data/PG_VERSION"; } 2>/dev/null
fits() {
  [ -x "$1/postgres" ] || return 1
  version=$("$1/postgres" --version) || return 1
  version=\${version#*PostgreSQL) }
  case $version in "$wanted"|"$wanted".*|"$wanted"[a-z]*|"$wanted "*) printf '%s\\n' "$1"; exit 0 ;; esac
}
if [ -n "$given" ]; then
  fits "$given"
  echo "$given holds no postgres of version $wanted." >&2; exit 1
fi
fits "/usr/lib/postgresql/$wanted/bin"
fits "/usr/pgsql-$wanted/bin"
fits "$(pg_config --bindir 2>/dev/null)"
fits "$(dirname "$(command -v postgres 2>/dev/null || echo /nowhere/x)")"
fits /usr/local/pgsql/bin
echo "No postgres of version $wanted in the distribution's places, by pg_config or in the PATH." >&2
exit 1
`;

/** The server's programs on the host. */
export async function locateBinaries(place: Place): Promise<string> {
  const result = await place.host.run({
    script,
    args: [place.dataDirectory, place.binaries ?? "", ""],
    as: place.dataDirectory,
    timeoutMs,
  });
  if (result.code === 0) return result.stdout.trim();
  const next =
    result.code === noDirectory
      ? `Correct \`data:\` of ${place.node}.`
      : "Name their directory as the node's `binaries`.";
  throw commandFailed(place, "finding its programs", result, next);
}
