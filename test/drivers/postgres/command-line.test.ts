import assert from "node:assert/strict";
import { test } from "node:test";
import { assert as holds, array, constantFrom, property, string } from "fast-check";
import { optionsIn, settingsIn } from "../../../src/drivers/postgres/instance/command-line.ts";

/* postmaster.opts, which escapes nothing: what can be read in two ways is not read at all. */

type Row = readonly [words: string, options: readonly string[] | undefined];
const rows: readonly Row[] = [
  ["", []],
  [' "-D" "/d" "-p" "5433" "-F"', ["D=/d", "p=5433", "F"]],
  [' "-p5433" "-iF" "-ik" "/tmp"', ["p=5433", "i", "F", "i", "k=/tmp"]],
  [' "-h" "" "-c" "port=1"', ["h=", "c=port=1"]],
  [' "-c" "synchronous_standby_names=ANY 1 ("a", "b")" "-F"', ['c=synchronous_standby_names=ANY 1 ("a", "b")', "F"]],
  [' "--work-mem=1MB" "-csearch_path="$user", public"', ["-=work-mem=1MB", 'c=search_path="$user", public']],
  [' "-c" "archive_command=cp %p "/a b/%f"" "-F"', ['c=archive_command=cp %p "/a b/%f"', "F"]],
  [' "-c" "archive_command=cp "%p" "/a/%f""', undefined],
  [' "-c" "archive_command=cp "-a" "%p" /a/%f"', undefined],
  [' "-c" "log_line_prefix="%m"', undefined],
  [' "/d"', undefined],
  [' "-c"', undefined],
  [' "-c" "fsync"', undefined],
  [' "-Z"', undefined],
  [' "--" "-F"', undefined],
  [' "-F" more', undefined],
];

for (const [words, options] of rows)
  test(`the command line ${words || "without a word"}`, () => {
    const read = optionsIn(`/usr/lib/postgres${words}\n`);
    assert.deepEqual(
      read?.map(({ letter, value }) => (value === undefined ? letter : `${letter}=${value}`)),
      options,
    );
  });

test("every command line without quotes is parsed back into its words", () => {
  const text = string({ maxLength: 20 }).map((one) => one.replaceAll('"', "'"));
  const option = constantFrom("-c", "-p", "-F", "--");
  holds(
    property(array(option, { maxLength: 5 }), text, (letters, value) => {
      const words = letters.flatMap((one) =>
        one === "-F" ? [one] : one === "--" ? [`--a-b=${value}`] : one === "-c" ? [one, `A-b=${value}`] : [one, value],
      );
      const options = optionsIn(`/x/postgres${words.map((word) => ` "${word}"`).join("")}\n`);
      assert.equal(options?.length, letters.length);
      const set = letters.filter((one) => one === "--" || one === "-c").map(() => ({ name: "a_b", value }));
      assert.deepEqual(settingsIn(options ?? []), set);
    }),
  );
});
