import type { AddressInfo } from "node:net";
import { BlackstartError, messageOf } from "../base/error.ts";
import type { Api } from "./parts.ts";

/** Opens the door. Answers with the address to ask; throws PORT_IN_USE when somebody else listens there. */
export async function listen(api: Api, host: string, port: number): Promise<string> {
  try {
    await api.listen({ host, port });
  } catch (error) {
    throw cannotListen(error, host, port);
  }
  const address = api.server.address() as AddressInfo;
  return `http://${address.address.includes(":") ? `[${address.address}]` : address.address}:${address.port}`;
}

function cannotListen(error: unknown, host: string, port: number): BlackstartError {
  const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
  return new BlackstartError(taken ? "PORT_IN_USE" : "USAGE", {
    what: `Cannot listen on ${host} port ${port}.`,
    why: taken ? "Somebody else listens there." : messageOf(error),
    next: "Choose another with --port, or another address with --listen.",
    details: { host, port },
    cause: error,
  });
}
