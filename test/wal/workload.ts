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
