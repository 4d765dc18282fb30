/** Stands in the file's header, so that somebody else's SQLite file is never taken for a timeline: "BLKS". */
export const applicationId = 0x424c4b53;
/** Of the tables below. A file of a newer version is refused, not guessed at. */
export const schemaVersion = 2;

/**
 * `position` is the rowid: it is given inside the write transaction, of which SQLite allows one at a time, so positions
 * become visible in their order. Rows are never updated or deleted, and the triggers hold everybody to that.
 */
export const schema = `
create table events (
  position integer primary key,
  stream   text    not null,
  version  integer not null check (version > 0),
  at       text    not null,
  by       text    not null,
  kind     text    not null,
  data     text    not null
) strict;
create unique index events_by_stream on events (stream, version);
create trigger events_are_never_changed before update on events begin select raise(abort, 'events are never changed'); end;
create trigger events_are_never_deleted before delete on events begin select raise(abort, 'events are never deleted'); end;

-- A name keeps its row for ever: the token must go on growing after the lease was given back. It ends so many milliseconds
-- after the boot in which its process runs.
create table leases (
  name     text    primary key,
  token    integer not null,
  holder   text    not null,
  process  text    not null,
  until_ms integer not null
) strict, without rowid;

pragma application_id = ${applicationId};
pragma user_version = ${schemaVersion};
`;

/**
 * In version 1 leases ended by the wall clock. One that is held stays so for what is left of it, at most for a minute; its
 * holder, an older Blackstart, can no longer renew it and changes nothing more.
 */
export function fromVersion1(wallMs: number, bootMs: number): string {
  return `
alter table leases rename column expires_ms to until_ms;
update leases set until_ms = ${bootMs} + max(0, min(60000, until_ms - ${wallMs}));
pragma user_version = 2;
`;
}
