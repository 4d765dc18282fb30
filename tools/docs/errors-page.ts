import { catalogue } from "../../src/base/catalogue.ts";

const exitCodes = {
  1: "The world is not as asked",
  2: "Wrong usage, wrong file",
  3: "Refused for safety",
  4: "Stopped half-way",
} as const;

/** The reference of error codes, by the exit code of the command that ends with them. */
export function errorsPage(): string {
  const sections = ([2, 1, 3, 4] as const).map((exitCode) => {
    const rows = Object.entries(catalogue)
      .filter(([, entry]) => entry.exitCode === exitCode)
      .map(([code, { meaning }]) => `| \`${code}\` | ${meaning.replaceAll("|", "\\|")} |`);
    return `## ${exitCodes[exitCode]} (exit code ${exitCode})\n\n| code | meaning |\n|---|---|\n${rows.join("\n")}\n`;
  });
  return `<!-- Generated from src/base/catalogue.ts by \`npm run docs\`; change it there. -->

# Errors

Every error says what happened, why, and what to do next. With \`--json\` it has its code, and in \`details\` names, numbers
and places for machines. The codes are permanent: scripts and runbooks may hold on to them. A command that did what it was
asked ends with 0.

${sections.join("\n")}`;
}
