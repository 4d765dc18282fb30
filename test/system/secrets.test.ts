import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { withoutPassword, withoutPasswords } from "../../src/system/secrets.ts";

for (const [given, shown] of [
  ["postgres://u:secret@h:5432/d", "postgres://u@h:5432/d"],
  ["postgres://u@h:5432/d?application_name=x", "postgres://u@h:5432/d?application_name=x"],
  ["postgres://h/d", "postgres://h/d"],
  ["postgres://h:5432/d", "postgres://h:5432/d"],
  ["postgres://u:a@b:c/d?e#f@h/d", "postgres://u@h/d"],
  ["postgres://u:a%40b%2F@h/d", "postgres://u@h/d"],
  ["postgres://u:@h/d", "postgres://u@h/d"],
  [
    "postgresql:///d?host=/run/pg&user=u&password=secret&sslmode=require",
    "postgresql:///d?host=/run/pg&user=u&password=…&sslmode=require",
  ],
  ["postgres://u@h/d?Password=x", "postgres://u@h/d?Password=…"],
  ["postgres://u@h/d?pass%77ord=x&sslpassword=y", "postgres://u@h/d?pass%77ord=…&sslpassword=…"],
  ["redis://:secret@h:6379/0", "redis://h:6379/0"],
  ["rediss://default:s3c:ret@h:6380", "rediss://default@h:6380"],
  ["jdbc:postgresql://h/d?user=u&password=x", "jdbc:postgresql://h/d?user=u&password=…"],
  ["ssh://root:pw@10.0.0.1:22", "ssh://root@10.0.0.1:22"],
  ["https://user:pw@h/metrics?access_token=abc&x=1", "https://user@h/metrics?access_token=…&x=1"],
  ["host=h user=u password=secret dbname=d", "host=h user=u password=… dbname=d"],
  ["host=h password = 'it\\'s a \\\\ secret' user=u", "host=h password = … user=u"],
  ["password=a\\ b host=h", "password=… host=h"],
  ["password='never closed", "password=…"],
  ["host=h passfile=/home/u/.pgpass", "host=h passfile=/home/u/.pgpass"],
  ["", ""],
] as const)
  test(`${given || "nothing"} is shown as ${shown || "nothing"}`, () => {
    assert.equal(withoutPassword(given), shown);
    assert.equal(withoutPassword(shown), shown, "shown twice is shown the same");
  });

/** A text that nothing else in the address holds, so that finding it again means: it was shown. */
const odd = fc
  .string({
    unit: fc.constantFrom("@", ":", "/", "?", "#", "%", "&", "=", " ", "'", "\\", "[", "]", "é", "$", "{"),
    maxLength: 12,
  })
  .map((text) => `SECRET${text}SECRET`);

test("no password in a url is ever shown, percent-encoded or not", () => {
  const scheme = fc.constantFrom("postgres", "postgresql", "redis", "rediss", "ssh", "http");
  const user = fc.constantFrom("", "u", "user%40server", "ü");
  const rest = fc.constantFrom("h", "h:5432/d", "[::1]:5432/d", "h,i/d", "h/d?sslmode=require", "/d?host=/run");
  fc.assert(
    fc.property(scheme, user, odd, rest, fc.boolean(), (scheme, user, password, rest, isEncoded) => {
      const written = isEncoded ? encodeURIComponent(password) : password;
      const shown = withoutPassword(`${scheme}://${user}:${written}@${rest}`);
      assert.ok(!shown.includes("SECRET"), shown);
      assert.equal(shown, `${scheme}://${user === "" ? "" : `${user}@`}${rest}`);
    }),
    { numRuns: 2000 },
  );
});

test("no password in a connection string or a query part is ever shown", () => {
  fc.assert(
    fc.property(odd, (password) => {
      const quoted = `'${password.replace(/[\\']/g, "\\$&")}'`;
      assert.equal(withoutPassword(`host=h password=${quoted} user=u`), "host=h password=… user=u");
      const bare = password.replace(/[\\'\s]/g, "\\$&");
      assert.equal(withoutPassword(`host=h password=${bare} user=u`), "host=h password=… user=u");
      const url = withoutPassword(`postgres://h/d?password=${encodeURIComponent(password)}&user=u`);
      assert.equal(url, "postgres://h/d?password=…&user=u");
    }),
    { numRuns: 1000 },
  );
});

test("whatever is given, nothing is thrown, and what is shown is shown the same again", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."postgre:/@?#&='\\ \n1") }), (text) => {
      assert.equal(withoutPassword(withoutPassword(text)), withoutPassword(text));
      assert.equal(withoutPasswords(withoutPasswords(text)), withoutPasswords(text));
    }),
    { numRuns: 3000 },
  );
});

test("passwords named in prose, in YAML and in JSON are left out", () => {
  assert.equal(
    withoutPasswords('its password: p, then {"password": "a b", "user":"u"}; secretName: x and passage: y at 12:30'),
    'its password: …, then {"password": …, "user":"u"}; secretName: … and passage: y at 12:30',
  );
});

test("addresses in prose lose their passwords as well", () => {
  assert.equal(
    withoutPasswords('cannot reach postgres://u:p@h/d (password=x y), tried redis://:q@r:1 and "http://a:b@c"'),
    'cannot reach postgres://u@h/d (password=… y), tried redis://r:1 and "http://a@c"',
  );
});
