/** corosync.conf as a tree: sections within sections; a name that stands several times holds a list. */
export type CorosyncSection = { [name: string]: CorosyncValue };
export type CorosyncValue = string | CorosyncSection | (string | CorosyncSection)[];

/**
 * Reads corosync.conf(5): `name: value`, and `name {` … `}` on lines of their own; `#` begins a comment line. Lines that
 * Corosync would not understand either are passed over: it runs with the others. Pure.
 */
export function parseCorosync(text: string): CorosyncSection {
  const root: CorosyncSection = {};
  const open = [root];
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    const here = open.at(-1) ?? root;
    if (line === "" || line.startsWith("#")) continue;
    if (line === "}") {
      if (open.length > 1) open.pop();
    } else if (line.endsWith("{")) {
      const section: CorosyncSection = {};
      add(here, line.slice(0, -1).trim(), section);
      open.push(section);
    } else {
      const colon = line.indexOf(":");
      if (colon !== -1) add(here, line.slice(0, colon).trim(), line.slice(colon + 1).trim());
    }
  }
  return root;
}

function add(section: CorosyncSection, name: string, value: string | CorosyncSection): void {
  const there = Object.hasOwn(section, name) ? section[name] : undefined;
  section[name] = there === undefined ? value : Array.isArray(there) ? [...there, value] : [there, value];
}
