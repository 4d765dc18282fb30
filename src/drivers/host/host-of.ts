import { BlackstartError } from "../../base/error.ts";
import type { Host } from "./host.ts";
import { localHost } from "./local.ts";
import { sshHost } from "./ssh.ts";

/** The host that `blackstart.yaml` names: `local:` or `ssh://user@address:port`. To be closed after use. */
export function hostOf(reference: string): Host & { close(): Promise<void> } {
  if (reference === "local:") return { ...localHost(), close: async () => undefined };
  if (reference.startsWith("ssh://")) return sshHost(reference);
  throw new BlackstartError("USAGE", {
    what: `“${reference}” is no host.`,
    why: "A host is `local:` or `ssh://user@address[:port]`.",
    next: "Correct `host` in blackstart.yaml.",
  });
}
