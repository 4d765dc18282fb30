import { withoutPasswords } from "../system/secrets.ts";

/*
 * Markdown from what people and machines said: nothing of it may become a heading, a link, a table column or HTML
 * (CommonMark 0.31 and the tables of GitHub Flavored Markdown).
 */

/** Text inside a line. Line breaks become spaces, passwords in addresses are left out. */
export function inline(text: string): string {
  return (
    withoutPasswords(text)
      .replace(/\s+/g, " ")
      .trim()
      .replace(/[\\`*_[\]<>|#~&$!]/g, "\\$&")
      // GitHub makes links of bare addresses, too.
      .replaceAll("://", ":\\//")
      .replace(/\bwww\./gi, (found) => found.replace(".", "\\."))
  );
}

/** A name or a code, shown as it is. */
export function code(text: string): string {
  const line = withoutPasswords(text).replace(/\s+/g, " ").replaceAll("`", "'").replaceAll("|", "\\|");
  return `\`${line}\``;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

export function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join("\n");
}
