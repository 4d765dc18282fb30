/**
 * The address without its password, for every place where a person or a file may see it. Takes whatever can stand as an
 * address: a url of any kind (postgres, redis, http, ssh, jdbc), or libpq's `host=… password=…`.
 *
 * It rather hides too much than too little. A password that was not percent-encoded may hold `@`, `:`, `/`, `?` and `#`;
 * so everything between the user's name and the last `@` of the whole text is taken for it. The price: an `@` in the
 * query part must be written `%40`, or the host is not shown.
 */
export function withoutPassword(address: string): string {
  const start = /^\s*(?:[a-z][a-z0-9+.-]*:)+\/\//i.exec(address)?.[0].length;
  if (start === undefined) return withoutKeywordSecrets(address);
  const at = address.lastIndexOf("@");
  if (at < start) return address.slice(0, start) + withoutQuerySecrets(address.slice(start));
  const user = address.slice(start, at).split(":", 1)[0] ?? "";
  return address.slice(0, start) + (user === "" ? "" : `${user}@`) + withoutQuerySecrets(address.slice(at + 1));
}

/**
 * The same for prose with addresses in it: what a person wrote, the output of a command, a message of a library. A
 * reference (`${PGPASSWORD}`) is no secret, and neither is the `user:password@` of a manual.
 */
export function withoutPasswords(text: string): string {
  return withoutHeaders(
    withoutNamedSecrets(
      withoutKeywordSecrets(text.replace(addressInText, (url) => (isExample(url) ? url : withoutPassword(url)))),
    ),
  );
}

/** A scheme has a bounded length here: a long text without any must not be read from each of its characters to its end. */
const addressInText = /[a-z][a-z0-9+.-]{0,40}:\/\/[^\s"'<>`]+/gi;

function isExample(url: string): boolean {
  return /^[^@]*?:\/\/[^:@/]*:(?:password|\$\{[^}]*\})@[^@]*$/.test(url) && withoutQuerySecrets(url) === url;
}

const parameterName = /^(?:pg|ssl)?(?:password|passwd|pass|pwd)$|secret|token/i;

const reference = /^["']?\$\{[^}]*\}["']?[,;)\]}]*$/;

/** `Authorization: Bearer …`, and a bearer's token wherever else it is said. */
function withoutHeaders(text: string): string {
  return text
    .replace(/\b((?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:[a-z]+ +)?)(?!\$\{|<|[a-z]+ )[^\s"',;]+/gi, "$1…")
    .replace(/\b((?:bearer|basic) +)(?!\$\{|token\b|…)(?=[\w.~+/=-]*\d)[\w.~+/=-]{12,}/gi, "$1…");
}

function withoutQuerySecrets(rest: string): string {
  const query = rest.indexOf("?");
  if (query === -1) return rest;
  const parameters = rest
    .slice(query + 1)
    .split("&")
    .map((parameter) => {
      const equals = parameter.indexOf("=");
      if (equals === -1) return parameter;
      return parameterName.test(decoded(parameter.slice(0, equals))) ? `${parameter.slice(0, equals)}=…` : parameter;
    });
  return `${rest.slice(0, query)}?${parameters.join("&")}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Not percent-encoded after all: it stands for itself.
  }
}

/** `password: x`, and `"password": "x"` of JSON and YAML. */
function withoutNamedSecrets(text: string): string {
  return text.replace(
    /(?<!\w)(["']?)(\w+)\1(\s*:(?!\/\/)\s*)("[^"]*"?|'[^']*'?|[^\s"'][^\s,;}]*)/g,
    (whole, quote: string, name: string, colon: string, value: string) =>
      parameterName.test(name) && !reference.test(value) ? `${quote}${name}${quote}${colon}…` : whole,
  );
}

/** libpq's grammar (conninfo_parse in fe-connect.c): blanks around `=`; a value in '…' or up to a blank; `\` escapes. */
function withoutKeywordSecrets(text: string): string {
  return text.replace(
    /\b([A-Za-z_]+)(\s*=\s*)('(?:\\[\s\S]|[^'\\])*'?|(?:\\[\s\S]|[^\s\\])*\\?)/g,
    (whole, name: string, equals: string, value: string) =>
      parameterName.test(name) && !reference.test(value) ? `${name}${equals}…` : whole,
  );
}

/** The names of what holds a secret, in any program's configuration. */
export function isSecretName(name: string): boolean {
  return !harmless.has(name.toLowerCase()) && secretName.test(name);
}

const secretName =
  /passw|passphrase|secret|token|credential|signature|(?:api|access|account|private|encryption|cipher)[_-]?key(?!file|path|_file)|bind_?pw|community|cookie|(?:^|[^a-z])(?:auth|pwd|pass|pw|sig|sas)(?:$|[^a-z])/i;

/** Called so, and no secret: settings of PostgreSQL, Corosync and Patroni that say how, not what. */
const harmless: ReadonlySet<string> = new Set([
  "password_encryption",
  "password_lifetime",
  "md5_password_warnings",
  "ssl_passphrase_command_supports_reload",
  "passfile",
  "pre_auth_delay",
  "post_auth_delay",
]);
