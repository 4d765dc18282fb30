// Turns the screen of a terminal, as text with ANSI colours on standard input, into an SVG on standard output:
//   tmux capture-pane -epS - | node tools/picture.mjs "npm run demo" > docs/demo.svg
import { readFileSync } from "node:fs";

const palette = {
  30: "#6e7681",
  31: "#ff7b72",
  32: "#7ee787",
  33: "#e3b341",
  34: "#79c0ff",
  35: "#d2a8ff",
  36: "#76e3ea",
  37: "#f0f6fc",
  90: "#8b949e",
};
const cell = { width: 8.43, height: 19, size: 14 };
const plain = "#c9d1d9";

const lines = readFileSync(0, "utf8").replace(/\s+$/, "").split("\n").map(spansOf);
const columns = Math.max(80, ...lines.map((spans) => spans.reduce((sum, span) => sum + span.text.length, 0)));
const width = Math.ceil(columns * cell.width) + 40;
const height = lines.length * cell.height + 66;

process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escape(process.argv[2] ?? "a terminal")}</title>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g fill="#30363d"><circle cx="22" cy="20" r="6"/><circle cx="42" cy="20" r="6"/><circle cx="62" cy="20" r="6"/></g>
<text x="84" y="25" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" fill="#8b949e">${escape(process.argv[2] ?? "")}</text>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${cell.size}">
${lines.map(lineText).join("\n")}
</g>
</svg>
`);

/** Splits a line at its colour changes. Column positions are fixed, so the font of the reader cannot shift a table. */
function spansOf(line) {
  const spans = [];
  let style = {};
  for (const part of line.split(/(\x1b\[[0-9;]*m)/)) {
    const codes = /^\x1b\[([0-9;]*)m$/.exec(part);
    if (codes) for (const code of (codes[1] || "0").split(";").map(Number)) style = styleAfter(style, code);
    else if (part !== "") spans.push({ text: part, ...style });
  }
  return spans;
}

function styleAfter(style, code) {
  if (code === 0) return {};
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, faint: true };
  if (code === 22) return { ...style, bold: false, faint: false };
  if (code === 39) return { ...style, colour: undefined };
  return palette[code] ? { ...style, colour: palette[code] } : style;
}

/** Viewers collapse blanks, each in its own way: only runs without two of them are text, each at its own place. */
function lineText(spans, row) {
  let column = 0;
  const y = 54 + row * cell.height;
  return spans
    .flatMap((span) => {
      const from = column;
      column += span.text.length;
      const fill = span.faint ? "#8b949e" : (span.colour ?? plain);
      const weight = span.bold ? ' font-weight="bold"' : "";
      return [...span.text.matchAll(/\S+(?: \S+)*/g)].map(({ 0: run, index }) => {
        const x = (20 + (from + index) * cell.width).toFixed(1);
        const length = (run.length * cell.width).toFixed(1);
        return `<text x="${x}" y="${y}" fill="${fill}"${weight} textLength="${length}">${escape(run)}</text>`;
      });
    })
    .join("");
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
