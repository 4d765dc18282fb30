import { withHost } from "../../system/address.ts";

/** How the passwords of the given urls are referred to. */
export type Passwords = Readonly<{
  /** The url with a reference in the place of its password, and with the user that it leads to. */
  referring(url: string, user: string | undefined): string;
  /** The variables that the file refers to. */
  variables: readonly string[];
  notes: readonly string[];
}>;

/** One variable where all nodes have one password, as is usual; else one for each node. */
export function passwordsOf(nodes: readonly Readonly<{ url: string; name: string }>[]): Passwords {
  const variableOf = new Map<string, string>();
  const passwords = new Set(nodes.map(({ url }) => passwordOf(url)).filter((password) => password !== ""));
  for (const { url, name } of nodes) {
    const password = passwordOf(url);
    if (password !== "" && !variableOf.has(password))
      variableOf.set(
        password,
        passwords.size === 1 ? "PGPASSWORD" : `PGPASSWORD_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`,
      );
  }
  const variables = [...new Set(variableOf.values())];
  return {
    referring: (url, user) => referring(url, user, variableOf.get(passwordOf(url))),
    variables,
    notes:
      variables.length === 0
        ? []
        : [`The password was not written into the file: set ${variables.join(", ")} in the environment of blackstart.`],
  };
}

function passwordOf(url: string): string {
  const parsed = new URL(withHost(url));
  return parsed.searchParams.get("password") ?? decodeURIComponent(parsed.password);
}

function referring(url: string, user: string | undefined, variable: string | undefined): string {
  const parsed = new URL(withHost(url));
  const name = parsed.username || encodeURIComponent(parsed.searchParams.get("user") ?? user ?? "");
  for (const secret of ["user", "password", "sslpassword"]) parsed.searchParams.delete(secret);
  const query = parsed.searchParams.size === 0 ? "" : `?${parsed.searchParams}`;
  const login = `${name}${variable === undefined ? "" : `:\${${variable}}`}`;
  // Nothing else in it can be taken for a reference: a url's parser percent-encodes braces.
  return `${parsed.protocol}//${login === "" ? "" : `${login}@`}${parsed.host}${parsed.pathname}${query}`;
}
