import { cut, type Layout } from "./layout.ts";

/** What is being done at this moment, in one line that is written over. Without a terminal it is not shown at all. */
export interface LiveLine {
  show(text: string): void;
  /** A line that stays, above it. Shown without a terminal as well. */
  say(text: string): void;
  end(): void;
}

const eraseLine = "\r\u001b[2K";

export function createLiveLine(options: { isTerminal: boolean; layout: Layout; write(text: string): void }): LiveLine {
  const { isTerminal, layout, write } = options;
  let present = "";
  const draw = (text: string) => {
    present = text;
    if (isTerminal) write(`${eraseLine}${cut(text, layout.width - 1)}`);
  };
  return {
    show: draw,
    say(text) {
      const again = present;
      write(`${isTerminal ? eraseLine : ""}${text}\n`);
      if (again !== "") draw(again);
    },
    end: () => draw(""),
  };
}
