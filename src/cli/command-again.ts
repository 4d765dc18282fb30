/** What to type to call the same command again, its options included. For the line that says what to do next. */
export function commandAgain(words: readonly string[], options: object): string {
  const flags = Object.entries(options).flatMap(([name, value]) => {
    if (notRepeated.includes(name) || value === undefined || value === false) return [];
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (Array.isArray(value)) return value.flatMap((one) => [flag, quoted(String(one))]);
    return value === true ? [flag] : [flag, quoted(String(value))];
  });
  return ["blackstart", ...words.map(quoted), ...flags].join(" ");
}

const notRepeated = ["apply", "yes", "json", "color"];

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
