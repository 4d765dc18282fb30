import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bindPlaceholders, firstWordOf, placeholdersOf, statementsOf, tokensOf } from "../../src/recover/sql.ts";

test("a placeholder counts only where it is one", () => {
  const table: [string, string[]][] = [
    ["delete from e where id = $id and x = $x_1 or id = $id", ["id", "x_1"]],
    ["select '$a', 'it''s $b', E'\\'$c', $d", ["d"]],
    ['select "$a", "x""$b", $c', ["c"]],
    ["select 1 -- $a\n, $b", ["b"]],
    ["select /* $a /* $b */ $c */ $d", ["d"]],
    ["select $$ $a $$, $tag$ $b $$ $tag$, $c", ["c"]],
    ["select foo$bar, $1, $café", ["café"]],
    // This opens a dollar quote.
    ["select $a$b", []],
    ["select E'\\\\', $a", ["a"]],
    ["select '\\', $a", ["a"]],
    ["select U&'$a', $b::text", ["b"]],
    ["select '$unterminated", []],
  ];
  for (const [sql, names] of table) assert.deepEqual(placeholdersOf(sql), names, sql);
});

test("each placeholder becomes a parameter of its column's type, the same name the same number", () => {
  const bound = bindPlaceholders("update t set a = $a where b = $b or a = $a -- $c", (name) => `type_${name}`);
  assert.equal(bound.text, "update t set a = ($1::type_a) where b = ($2::type_b) or a = ($1::type_a) -- $c");
  assert.deepEqual(bound.columns, ["a", "b"]);
});

test("statements end at semicolons that are not within something", () => {
  assert.deepEqual(statementsOf("a ';' ; ; b $$;$$ ;-- ;\n"), ["a ';'", "b $$;$$"]);
  assert.deepEqual(statementsOf(" -- nothing\n ; /* ; */ "), []);
  assert.equal(firstWordOf("  /* x */ -- y\n DELETE from t"), "delete");
  assert.equal(firstWordOf("(select 1)"), "(");
});

test("the tokens of any text are the text again", () => {
  const piece = fc.constantFrom(
    "'",
    '"',
    "$",
    "$$",
    "$a$",
    "$a",
    "--",
    "/*",
    "*/",
    "\n",
    ";",
    "E'",
    "\\",
    "x",
    "1",
    " ",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(piece).map((pieces) => pieces.join("")),
        fc.string(),
      ),
      (sql) => {
        assert.equal(
          tokensOf(sql)
            .map(({ text }) => text)
            .join(""),
          sql,
        );
      },
    ),
  );
});
