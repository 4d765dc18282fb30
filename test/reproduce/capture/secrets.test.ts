import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  cibWithoutSecrets,
  settingWithoutSecrets,
  textWithoutSecrets,
  treeWithoutSecrets,
  withoutKnown,
} from "../../../src/reproduce/capture/secrets.ts";

/** Where people put secrets; `S` stands for the secret. */
const planted: readonly [setting: string, value: string][] = [
  ["primary_conninfo", "host=10.0.0.1 user=rep password=S application_name=pg2"],
  ["primary_conninfo", "host=10.0.0.1 user=rep password='S with blanks' sslpassword=S"],
  ["primary_conninfo", "postgres://rep:S@10.0.0.1/x?sslpassword=S"],
  ["primary_conninfo", "host=a password = S"],
  ["archive_command", "AWS_SECRET_ACCESS_KEY=S wal-g wal-push %p"],
  ["archive_command", "PGPASSWORD=S psql -c x"],
  ["archive_command", "curl -sS -u backup:S -T %p https://store/%f"],
  ["archive_command", 'curl --user "backup:S" -T %p https://store/%f'],
  ["archive_command", "curl -H 'Authorization: Bearer S' -T %p https://store/%f"],
  ["archive_command", 'curl -H "X-Api-Key: S" -T %p https://store/%f'],
  ["archive_command", "push --token S --to https://user:S@store/%f"],
  ["archive_command", "push --api-key=S %p && cp %p /archive/%f"],
  ["archive_command", "sshpass -p S scp %p store:/archive/%f"],
  ["restore_command", "azcopy copy 'https://store/%f?sig=S' %p"],
  ["restore_command", 'get \'{"password": "S"}\' %f %p'],
  ["recovery_end_command", "notify --secret 'S and more'"],
  ["ssl_passphrase_command", "echo S"],
  ["app.jwt_secret", "S"],
  ["some.api_key", "S"],
];

test("no secret is left in a setting, wherever it stands", () => {
  for (const [name, value] of planted)
    for (const secret of ["geheim", "Tr0ub4dor", "x"]) {
      if (secret === "x" && /x/.test(value.replaceAll("S", ""))) continue;
      const shown = settingWithoutSecrets(name, value.replaceAll(/\bS\b/g, secret));
      assert.ok(!shown.includes(secret), `${name} = ${value}\n  became ${shown}`);
    }
});

test("what is no secret stays readable", () => {
  const open: readonly [string, string][] = [
    ["archive_command", "test ! -f /mnt/archive/%f && cp %p /mnt/archive/%f"],
    ["archive_command", "pgbackrest --stanza=ledger archive-push %p"],
    ["archive_command", "envdir /etc/wal-e.d/env wal-e wal-push %p"],
    ["restore_command", "rsync -a barman@backup:/srv/barman/pg/%f %p"],
    ["password_encryption", "scram-sha-256"],
    ["authentication_timeout", "1min"],
    ["synchronous_standby_names", "ANY 1 (pg2, pg3)"],
    ["shared_preload_libraries", "pg_stat_statements,auto_explain"],
    ["log_line_prefix", "%m [%p] %q%u@%d "],
    ["ssl_key_file", "/etc/ssl/private/ssl-cert-snakeoil.key"],
    ["ssl_passphrase_command", ""],
  ];
  for (const [name, value] of open) assert.equal(settingWithoutSecrets(name, value), value, name);
  assert.equal(
    settingWithoutSecrets("primary_conninfo", "host=10.0.0.1 port=5432 user=rep password=geheim sslmode=verify-full"),
    "host=10.0.0.1 port=5432 user=rep sslmode=verify-full",
  );
});

describe("keys of known shapes are found without a name", () => {
  const keys = [
    ["AKIA", "IOSFODNN7EXAMPLE"],
    ["ghp_", "abcdefghijklmnopqrstuvwxyz0123456789"],
    ["eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"],
    ["", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY1"],
    ["", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
  ];
  for (const [start = "", rest = ""] of keys)
    test(start + rest.slice(0, 6), () => assert.ok(!textWithoutSecrets(`do ${start}${rest} %p`).includes(rest)));
});

test("a tree is cleaned by the names of its leaves, at any depth", () => {
  const tree = {
    scope: "ledger",
    restapi: { authentication: { username: "ops", password: "geheim" }, keyfile: "/etc/x.key" },
    postgresql: {
      authentication: { superuser: { username: "postgres", password: "geheim" } },
      parameters: { archive_command: "curl -u a:geheim %p", max_connections: 100 },
    },
    consul: { token: "geheim" },
    secrets: { a: ["geheim", { b: "geheim" }] },
    etcd3: { hosts: ["10.0.0.1:2379"], password: "geheim" },
  };
  const shown = treeWithoutSecrets(tree) as any;
  assert.ok(!JSON.stringify(shown).includes("geheim"), JSON.stringify(shown));
  assert.equal(shown.restapi.authentication.username, "ops");
  assert.equal(shown.postgresql.parameters.max_connections, 100);
  assert.deepEqual(shown.etcd3.hosts, ["10.0.0.1:2379"]);
});

test("a CIB loses its secrets and nothing else", () => {
  const pair = (name: string, value: string) => `<nvpair id="i-${name}" name="${name}" value="${value}"/>`;
  const xml = `<cib><configuration><resources><primitive id="f" class="stonith" type="ipmi"><instance_attributes id="i">${[
    pair("passwd", "geheim"),
    pair("inet_auth", "geheim"),
    pair("snmp_community", "geheim"),
    pair("primary_conninfo_opt", "keepalives=1 password=geheim"),
    pair("pcmk_host_list", "pg1 &amp; &lt;pg2&gt;"),
  ].join("")}</instance_attributes></primitive></resources></configuration></cib>`;
  const shown = cibWithoutSecrets(xml);
  assert.ok(!shown.includes("geheim"), shown);
  assert.match(shown, /value="pg1 &amp; &lt;pg2&gt;"/);
  assert.match(shown, /keepalives=1 password=…/);
  assert.equal(cibWithoutSecrets(shown), shown);
});

test("a secret that is known is found in any text", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (before, after) => {
      const shown = withoutKnown({ a: [{ b: `${before}correct horse${after}` }] }, ["correct horse"]);
      return !JSON.stringify(shown).includes("correct horse");
    }),
  );
});
