/** Colours and weights for a terminal; plain text elsewhere. Colour only repeats what the words say already. */
export type Style = Readonly<Record<"bold" | "dim" | "red" | "yellow" | "green" | "cyan", (text: string) => string>>;

export function createStyle(enabled: boolean): Style {
  const wrapped = (open: number, close: number) => (text: string) =>
    enabled && text !== "" ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    bold: wrapped(1, 22),
    dim: wrapped(2, 22),
    red: wrapped(31, 39),
    yellow: wrapped(33, 39),
    green: wrapped(32, 39),
    cyan: wrapped(36, 39),
  };
}

/** Colours only on a terminal that knows them, and not with NO_COLOR (https://no-color.org). */
export function wantsColour(isTerminal: boolean, environment: Readonly<Record<string, string | undefined>>): boolean {
  return isTerminal && !environment.NO_COLOR && environment.TERM !== "dumb";
}
