import pg from "pg";
import { BlackstartError, messageOf } from "../../base/error.ts";
import type { JsonObject } from "../../base/json.ts";
import { withoutPassword } from "../../system/secrets.ts";

/**
 * One held connection to one PostgreSQL server. The contract:
 *
 * - every query has a time limit; one that runs into it throws UNREACHABLE, and the connection is of no more use;
 * - a query that the server refuses throws QUERY_FAILED with `details.sqlstate`;
 * - `onClosed` is called once, as soon as the connection is known to be gone, whoever closed it; also if it was gone
 *   before the listener came.
 */
export interface Connection {
  readonly url: string;
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options?: { timeoutMs?: number },
  ): Promise<Row[]>;
  onClosed(listener: (reason: ClosedReason) => void): void;
  close(): Promise<void>;
}

/** `sqlstate` when the server said goodbye (57P01 shutdown, 57P02 crash), otherwise the socket's error or `end`. */
export type ClosedReason = Readonly<{ sqlstate?: string; message: string }>;

export type ConnectOptions = Readonly<{
  timeoutMs?: number;
  queryTimeoutMs?: number;
  applicationName?: string;
  database?: string;
  /** A walsender that is connected to the database: takes the replication protocol's commands, and SQL without values. */
  replication?: boolean;
}>;

const defaultTimeoutMs = 3000;

/**
 * Connects, or throws UNREACHABLE with `details.errno` (ECONNREFUSED, ETIMEDOUT, …) or `details.sqlstate` (57P03:
 * starting up or shutting down; 28P01: wrong password; …).
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Connection> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const client = new pg.Client({
    connectionString: asLibpqReadsIt(url),
    connectionTimeoutMillis: timeoutMs,
    application_name: options.applicationName ?? "blackstart",
    keepAlive: true,
    ...(options.database === undefined ? {} : { database: options.database }),
    ...(options.replication === true ? { replication: "database" } : {}),
  } satisfies pg.ClientConfig & { replication?: string });
  const closed = closedOf(client);
  try {
    await client.connect();
  } catch (error) {
    throw isPasswordMissing(client, error) ? passwordMissing(url, error) : unreachable(url, error);
  }
  const connection: Connection = {
    url,
    query: (text, values, queryOptions) =>
      query(client, url, text, values ?? [], queryOptions?.timeoutMs ?? options.queryTimeoutMs ?? defaultTimeoutMs),
    onClosed: (listener) => void closed.then(listener),
    close: () => close(client, closed),
  };
  clients.set(connection, client);
  return connection;
}

/**
 * The driver takes `sslmode=require` for `verify-full`, and so refuses a certificate that nobody signed, with which psql
 * and every standby connect. Told so, it reads the word as PostgreSQL's own programs do. Pure.
 */
export function asLibpqReadsIt(url: string): string {
  if (!/[?&]sslmode=/.test(url) || /[?&]uselibpqcompat=/.test(url)) return url;
  return url.replace("?", "?uselibpqcompat=true&");
}

/** A password must not be found by whoever prints a connection. */
const clients = new WeakMap<Connection, pg.Client>();

/**
 * As whom it came in: by the url, else by PGUSER and PGPASSWORD, else by the password file of whoever runs Blackstart.
 * Programs that connect to the same server on another machine, or in another account, need to be told.
 */
export function credentialsOf(connection: Connection): { user?: string; password?: string } {
  const { user, password } = clients.get(connection) ?? {};
  return { ...(user ? { user } : {}), ...(typeof password === "string" && password !== "" ? { password } : {}) };
}

/** Connects, does one thing, and closes again, whatever happens. */
export async function withConnection<T>(
  url: string,
  options: ConnectOptions,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect(url, options);
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

function closedOf(client: pg.Client): Promise<ClosedReason> {
  return new Promise((resolve) => {
    // `on`, not `once`: after a goodbye (57P01) the socket's end is a second error, and one unheard ends the process.
    client.on("error", (error: Error & { code?: string }) =>
      resolve({ message: error.message, ...(isSqlstate(error.code) ? { sqlstate: error.code } : {}) }),
    );
    client.once("end", () => resolve({ message: "the connection was closed" }));
  });
}

/** Says goodbye, and after a second breaks off: a server that hangs never answers the goodbye. */
async function close(client: pg.Client, closed: Promise<ClosedReason>): Promise<void> {
  const timer = setTimeout(() => breakOff(client), 1000);
  await Promise.race([client.end(), closed]).catch(() => undefined /* gone already is closed as well */);
  clearTimeout(timer);
}

/** The driver has no public way to end a connection without the server's help. */
function breakOff(client: pg.Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

async function query<Row extends object>(
  client: pg.Client,
  url: string,
  text: string,
  values: readonly unknown[],
  timeoutMs: number,
): Promise<Row[]> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new BlackstartError("UNREACHABLE", {
          what: `${withoutPassword(url)} did not answer within ${timeoutMs} ms.`,
          why: "The server hangs, is overloaded, or the network to it is cut.",
          next: "See `blackstart status`, and whether the machine answers at all.",
          details: { timeoutMs },
        }),
      );
      // The answer may still come and would be taken for the next query's: this connection is of no more use.
      breakOff(client);
    }, timeoutMs);
  });
  try {
    const result = await Promise.race([
      values.length === 0 ? client.query(text) : client.query(text, values as unknown[]),
      expired,
    ]);
    return result.rows as Row[];
  } catch (error) {
    if (error instanceof BlackstartError) throw error;
    const code = (error as { code?: string }).code;
    if (!isSqlstate(code)) throw unreachable(url, error);
    throw new BlackstartError("QUERY_FAILED", {
      what: `${withoutPassword(url)} refused a query: ${messageOf(error)}`,
      why: (error as { detail?: string }).detail ?? `SQLSTATE ${code}.`,
      next: (error as { hint?: string }).hint ?? "Look the SQLSTATE up in PostgreSQL's appendix of error codes.",
      details: { sqlstate: code },
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** The driver's own word for it names no server, no password and no way out; it has no code either. */
function isPasswordMissing(client: pg.Client, error: unknown): boolean {
  const given = client.password as unknown;
  const asked = (error as { code?: string }).code === "28P01" || /password must be a string/.test(messageOf(error));
  return asked && (given === undefined || given === null || given === "");
}

/** With the SQLSTATE of a wrong password: the server lives, and lets only us not in. */
function passwordMissing(url: string, error: unknown): BlackstartError {
  const why = "The server asks for a password, and none is given";
  return new BlackstartError("UNREACHABLE", {
    what: `Cannot log in to ${withoutPassword(url)}.`,
    why: `${why}.`,
    next: "Give it by PGPASSWORD, by ~/.pgpass, or in the url: postgres://user:password@address:5432/database",
    details: { sqlstate: "28P01" },
    cause: new Error(why.charAt(0).toLowerCase() + why.slice(1), { cause: error }),
  });
}

function unreachable(url: string, error: unknown): BlackstartError {
  const code = (error as { code?: string }).code;
  const details: JsonObject = isSqlstate(code) ? { sqlstate: code } : code === undefined ? {} : { errno: code };
  if (code === "28P01")
    return new BlackstartError("UNREACHABLE", {
      what: `Cannot log in to ${withoutPassword(url)}: ${messageOf(error)}`,
      why: "The server runs, and refuses the password.",
      next: "Correct it where it is given: PGPASSWORD, ~/.pgpass, or the `url`.",
      details,
      cause: error,
    });
  return new BlackstartError("UNREACHABLE", {
    what: `Cannot reach ${withoutPassword(url)}: ${messageOf(error)}`,
    why:
      code === "ECONNREFUSED"
        ? "Nothing listens there: the server is not running."
        : (code ?? "The connection could not be made."),
    next: "Check that the server runs, that the address is right, and that pg_hba.conf lets this machine in.",
    details,
    cause: error,
  });
}

/** Five letters and digits, as PostgreSQL's; a socket's error code begins with E and is longer or has no digit. */
function isSqlstate(code: string | undefined): code is string {
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code);
}
