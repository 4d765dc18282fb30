import type { TestServer } from "./server.ts";

/** Work of many kinds, so that records of many resource managers and shapes are in the log. */
export async function mixedWorkload(server: TestServer): Promise<void> {
  const client = await server.connect();
  const run = (text: string) => client.query(text);
  await run("create table t (id serial primary key, words text[], body text, point point)");
  await run(
    "create index on t using gin (words); create index on t using gist (point); create index on t using hash (id)",
  );
  await run("create index on t using brin (id); create index on t using spgist (body)");
  await run(
    "insert into t (words, body, point) select array['a' || g % 7, 'b' || g], 'text ' || g, point(g, g % 50) from generate_series(1, 1500) g",
  );
  await run("checkpoint");
  await run("update t set body = body || ' again' where id % 3 = 0");
  await run(
    "begin; savepoint a; insert into t (body) values ('one'); savepoint b; insert into t (body) values ('two'); rollback to b; commit",
  );
  await run("begin; delete from t where id < 50; rollback");
  // One record longer than several pages, and values out of line.
  await run("insert into t (body) select string_agg(md5(g::text), '') from generate_series(1, 5000) g");
  await run("select pg_logical_emit_message(true, 'prefix', repeat('x', 100000))");
  await run("begin; insert into t (body) values ('prepared'); prepare transaction 'kept one'");
  await run("begin; insert into t (body) values ('prepared'); prepare transaction 'ended one'");
  await run("commit prepared 'ended one'");
  await run("select pg_switch_wal()");
  await run(
    "do $$ begin for i in 1..70 loop begin insert into t (body) values (i::text); exception when others then null; end; end loop; end $$",
  );
  await run("create table gone as select * from t; truncate gone; drop table gone");
  await run("vacuum t");
  await run("create sequence s; select nextval('s') from generate_series(1, 100)");
  await run("select txid_current() from generate_series(1, 5)");
  await client.end();
}

/**
 * Records of every resource manager that a single server writes. What needs a build option or an extension that is not
 * there is left out.
 */
export async function wideWorkload(server: TestServer): Promise<void> {
  await mixedWorkload(server);
  const client = await server.connect();
  const run = (text: string) => client.query(text);
  await run("create table wide (id int primary key, n int, words tsvector, range int4range, name text, place point)");
  await run("create index on wide using gin (words); create index on wide using gist (range)");
  await run("create index on wide using spgist (place); create index on wide using hash (n)");
  await run("create index on wide using brin (id) with (pages_per_range = 2)");
  await run(
    "insert into wide select g, g % 100, to_tsvector('simple', 'w' || g || ' v' || g % 9), int4range(g, g + 10), 'n' || g, point(g % 70, g % 31) from generate_series(1, 3000) g",
  );
  await run("select brin_summarize_new_values('wide_id_idx')");
  await run("update wide set n = n + 1, place = point(id % 3, id) where id % 5 = 0");
  await run("delete from wide where id % 3 = 0");
  await run("vacuum (freeze) wide");
  // Two lockers of one row make a multixact.
  const other = await server.connect();
  await run("begin; select * from wide where id = 1 for share");
  await other.query("begin; select * from wide where id = 1 for share; commit");
  await run("commit");
  await other.end();
  await run(
    "select pg_replication_origin_create('elsewhere'); select pg_replication_origin_session_setup('elsewhere')",
  );
  await run(
    "begin; select pg_replication_origin_xact_setup('0/AABBCC', now()); insert into wide (id) values (-1); commit",
  );
  await run(
    "select pg_replication_origin_advance('elsewhere2', '0/1') from pg_replication_origin_create('elsewhere2')",
  );
  await run("select pg_replication_origin_session_reset(); select pg_replication_origin_drop('elsewhere')");
  await run("select pg_logical_emit_message(false, 'o\"dd', 'x')");
  await run("create database copied");
  await run("create database logged strategy file_copy").catch(() => undefined /* one strategy only before 15 */);
  await run("drop database copied");
  await run("set allow_in_place_tablespaces = on");
  await run("create tablespace inplace location ''");
  await run("create table moved (id int) tablespace inplace; insert into moved values (1); drop table moved");
  await run("drop tablespace inplace");
  await run("vacuum full pg_class");
  await run(
    "create extension bloom; create index on wide using bloom (n); insert into wide (id, n) values (-2, 7)",
  ).catch(() => undefined /* the extension is not installed: then no Generic records */);
  await run("select pg_create_restore_point('a point')");
  const { rows } = await run("select unnest(enumvals) as method from pg_settings where name = 'wal_compression'");
  // A boolean before 15.
  for (const method of rows.length > 0 ? rows.map((row) => row.method) : ["on", "off"]) {
    await run(`set wal_compression = ${method}`);
    await run("checkpoint");
    await run("update wide set name = repeat(left(name, 20), 30) where id % 7 = 0");
  }
  await client.end();
}
