import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { learnSecret } from "../../src/system/known-secrets.ts";
import { learnFromEnvironment } from "../../src/system/learn-secrets.ts";
import { scrub, scrubbed, withSecrets } from "../../src/system/scrub.ts";
import { parse } from "./support.ts";

const environment = {
  TOKEN: "tok-91f2/x+y z",
  DATABASE_PASSWORD: 'it\'s\\a "secret" @:/?#%',
  SHORT: "a1b",
  UNIT: "payments-api",
  PLACE: "/var/lib/postgresql/15/main",
  HOST: "10.0.0.1",
  CACHE: "redis://:cachepw91@10.0.0.5:6379",
};

const system = parse(
  `system: payments
clusters:
  ledger:
    fence: "fence --pin \${SHORT} $BLACKSTART_NODE"
    clients: { pgbouncer: "postgres://admin:bouncer81@10.0.0.9:6432/pgbouncer" }
    nodes:
      pg1: { url: "postgres://u:\${DATABASE_PASSWORD}@\${HOST}/ledger", host: local, data: "\${PLACE}" }
      pg2: { url: "postgres://u:pgtwo-71@10.0.0.2/ledger", replication: "host=10.0.0.2 password='repl 61' user=u" }
caches:
  balances: { redis: "\${CACHE}" }
services:
  api: { restart: "curl -H 'Authorization: Bearer \${TOKEN}' http://10.0.0.7/restart/\${UNIT}", host: local }
`,
  { environment },
);

describe("what the system file holds is known, in whatever text it turns up", () => {
  for (const [name, secret] of [
    ["a token in a command", environment.TOKEN],
    ["a password by reference", environment.DATABASE_PASSWORD],
    ["the same, percent-encoded", encodeURIComponent(environment.DATABASE_PASSWORD)],
    ["the same, in JSON", JSON.stringify(environment.DATABASE_PASSWORD).slice(1, -1)],
    ["the same, in SQL", environment.DATABASE_PASSWORD.replaceAll("'", "''")],
    ["the same, in a conninfo", environment.DATABASE_PASSWORD.replace(/[\\']/g, "\\$&")],
    ["a password of a url that is referred to as a whole", "cachepw91"],
    ["a password in the url of PgBouncer", "bouncer81"],
    ["a password written into a url", "pgtwo-71"],
    ["a password of a conninfo", "repl 61"],
    ["a command whose secret is too short to be looked for", system.clusters.ledger?.fence ?? ""],
  ] as const)
    test(name, () => {
      const text = `it said ${secret}, and ended`;
      assert.ok(!scrub(text).includes(secret), scrub(text));
      assert.match(scrub(text), /^it said .+, and ended$/);
      assert.equal(scrub(scrub(text)), scrub(text));
      const data = scrubbed({ title: text, deep: [{ [secret]: text }], parameters: { script: text } });
      assert.ok(!JSON.stringify(data).includes(JSON.stringify(secret).slice(1, -1)), JSON.stringify(data));
    });
});

test("a title shows the reference, and what is carried out has the secret again", () => {
  const restart = system.services.api?.restart ?? "";
  const title = scrub(`Restart api: ${restart}`);
  assert.match(title, /Restart api: curl -H 'Authorization: Bearer \$\{TOKEN\}/);
  const parameters = { script: restart, fence: system.clusters.ledger?.fence ?? "", list: ["x", environment.TOKEN] };
  const stored = scrubbed({ parameters });
  assert.notDeepEqual(stored, { parameters });
  assert.deepEqual(withSecrets(stored), { parameters });
});

test("what will be carried out is left as it is but for the secrets that are known", () => {
  const parameters = {
    repair: "update users set password = null, token = 'abc123def456' where id = $id",
    note: "postgres://u:other@h/d",
  };
  assert.deepEqual(scrubbed({ parameters }), { parameters });
});

for (const text of [
  "systemctl restart payments-api on 10.0.0.1, in /var/lib/postgresql/15/main",
  "Give it by PGPASSWORD, by ~/.pgpass, or in the url: postgres://user:password@address:5432/database",
  'url: "postgres://blackstart:${PGPASSWORD}@10.0.0.1/ledger"',
  'FATAL:  password authentication failed for user "u"',
  "the ledger is down: pg1 was the primary; timeline 3, 0/3000148",
  "Send it as `Authorization: Bearer <token>`",
])
  test(`nothing is taken out of: ${text}`, () => assert.equal(scrub(text), text));

for (const [said, shown] of [
  [
    "connection to postgres://u:pw@h/d failed: password=hunter2 sslpassword='x y'",
    "connection to postgres://u@h/d failed: password=… sslpassword=…",
  ],
  ["PGPASSWORD=hunter2 psql", "PGPASSWORD=… psql"],
  ["curl -H 'Authorization: Bearer abcdef0123456789' x", "curl -H 'Authorization: Bearer …' x"],
  ["Authorization: Basic dTpwdzEyMzQ1Njc4", "Authorization: Basic …"],
  ["it sent bearer eyJhbGciOi.J9abc123 to it", "it sent bearer … to it"],
  ["redis://:pw@h:6379 does not answer", "redis://h:6379 does not answer"],
] as const)
  test(`${said} is said as ${shown}`, () => {
    assert.equal(scrub(said), shown);
    assert.equal(scrub(shown), shown);
  });

test("a short secret is hidden as a word of its own, and takes nothing out of other words", () => {
  learnSecret("zx81");
  assert.equal(scrub("zx81 and azx81b and (zx81)"), "… and azx81b and (…)");
  learnSecret("abc");
  learnSecret("postgres");
  assert.equal(scrub("abc on postgres"), "abc on postgres");
});

test("variables whose names say so hold secrets", () => {
  learnFromEnvironment({
    PGPASSWORD: "letmein",
    API_TOKEN: "x9-88-y7",
    SSH_AUTH_SOCK: "/run/agent.sock",
    EDITOR: "vi-91-x",
  });
  assert.equal(scrub("letmein x9-88-y7 /run/agent.sock vi-91-x"), "${PGPASSWORD} ${API_TOKEN} /run/agent.sock vi-91-x");
});

test("no secret is ever in what is left, whatever is around it", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(..."'\"\\%@:/?#&= .{}$[]é^*(|)"), minLength: 0, maxLength: 8 }),
      fc.string({ maxLength: 20 }),
      (odd, around) => {
        const secret = `S3C${odd}R3T`;
        learnSecret(secret);
        const text = `${around} ${secret} ${around}`;
        if (secret.length >= 8) assert.ok(!scrub(text).includes(secret), scrub(text));
      },
    ),
    { numRuns: 300 },
  );
});

test("a text of a megabyte is read once, not from each of its characters", { timeout: 60_000 }, () => {
  for (const unit of ["a", "a1.", "password ", "'", "=", "bearer ", "x://"])
    scrub(unit.repeat(1_000_000 / unit.length));
});
