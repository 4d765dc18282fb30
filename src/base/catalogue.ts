/**
 * The one catalogue of errors. Codes are permanent: scripts and runbooks hold on to them.
 * Exit codes: 1 the world is not as asked; 2 wrong usage or wrong file; 3 refused for safety; 4 stopped half-way.
 * `docs/errors.md` is generated from here.
 */
export const catalogue = {
  // Wrong usage, wrong file.
  SYSTEM_FILE_MISSING: { exitCode: 2, meaning: "No blackstart.yaml was found." },
  SYSTEM_FILE_INVALID: { exitCode: 2, meaning: "blackstart.yaml says something that cannot be meant." },
  SECRET_MISSING: { exitCode: 2, meaning: "A ${VARIABLE} or file: reference in blackstart.yaml leads nowhere." },
  UNKNOWN_NAME: { exitCode: 2, meaning: "A cluster, node, incident or other name that does not exist." },
  LAB_UNSUPPORTED: { exitCode: 2, meaning: "This machine lacks what the wanted kind of lab needs." },
  USAGE: { exitCode: 2, meaning: "The command was called with arguments that do not fit together." },

  // The world is not as asked.
  UNREACHABLE: { exitCode: 1, meaning: "A database, host, cache or service did not answer in time." },
  QUERY_FAILED: { exitCode: 1, meaning: "A database answered a query with an error." },
  HOST_COMMAND_FAILED: { exitCode: 1, meaning: "A command on a host failed." },
  STORE_UNUSABLE: { exitCode: 1, meaning: "The timeline's store cannot be opened, read or written." },
  VERSION_CONFLICT: { exitCode: 1, meaning: "Somebody else appended to the same stream first." },
  LEASE_HELD: { exitCode: 1, meaning: "Another process is working on the same cluster." },
  LEASE_LOST: { exitCode: 4, meaning: "The lease ran out or was taken over; nothing more was changed." },
  NOT_POSSIBLE_NOW: { exitCode: 1, meaning: "What was asked cannot be done in the present state." },
  LAB_FAILED: { exitCode: 1, meaning: "A lab cluster could not be made, changed or removed." },
  POSTGRES_NOT_FOUND: { exitCode: 1, meaning: "No PostgreSQL server binaries were found." },
  INTERNAL: { exitCode: 1, meaning: "A fault of Blackstart itself." },
  PORT_IN_USE: { exitCode: 1, meaning: "The address to listen on is taken." },

  // Refused for safety.
  REFUSED: {
    exitCode: 3,
    meaning: "A safety rule forbids it; the message names what is missing and how to provide it.",
  },
  NOT_CONFIRMED: { exitCode: 3, meaning: "A plan that changes something was not confirmed." },
  UNAUTHORIZED: { exitCode: 3, meaning: "The request carries no token, or a wrong one." },

  // Stopped half-way.
  STEP_FAILED: { exitCode: 4, meaning: "A step of a plan failed; the message says in what state things are." },
  INTERRUPTED: { exitCode: 4, meaning: "A plan was interrupted; it can be resumed." },
} as const satisfies Record<string, { exitCode: 1 | 2 | 3 | 4; meaning: string }>;

export type ErrorCode = keyof typeof catalogue;
