import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The ways to the nodes' hosts. */
export interface Hosts {
  /** `refused`: no connection comes about. `silent`: it comes about, and nothing is answered. */
  cut(host: string, how: "refused" | "silent"): void;
  heal(host: string): void;
  healAll(): void;
  /** With these, `ssh` leads to them. */
  readonly variables: NodeJS.ProcessEnv;
}

/** A program `ssh` that runs the command here, and can be cut off: no daemon, no keys, and as quick as a local host. */
export function makeHosts(folder: string): Hosts {
  const [programs, cuts] = [join(folder, "bin"), join(folder, "cut-hosts")];
  for (const path of [programs, cuts]) mkdirSync(path, { recursive: true });
  writeFileSync(join(programs, "ssh"), script(cuts), { mode: 0o755 });
  return {
    cut: (host, how) => writeFileSync(join(cuts, host), how),
    heal: (host) => rmSync(join(cuts, host), { force: true }),
    healAll() {
      rmSync(cuts, { recursive: true, force: true });
      mkdirSync(cuts);
    },
    variables: { PATH: `${programs}${delimiter}${process.env.PATH ?? ""}` },
  };
}

/** As ssh(1): what follows `--` is the host, then the command; 255 where no session came about. */
function script(cuts: string): string {
  return `#!/bin/sh
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  [ "$1" = -O ] && exit 0
  shift
done
shift
host=$1
shift
while [ -e "${cuts}/$host" ]; do
  if [ "$(cat "${cuts}/$host")" = refused ]; then
    echo "ssh: connect to host $host port 22: Connection refused" >&2
    exit 255
  fi
  sleep 0.2
done
exec /bin/sh -c "$*"
`;
}
