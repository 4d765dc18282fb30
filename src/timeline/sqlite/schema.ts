/** Stands in the file's header, so that somebody else's SQLite file is never taken for a timeline: "BLKS". */
export const applicationId = 0x424c4b53;
/** Of the tables below. A file of a newer version is refused, not guessed at. */
export const schemaVersion = 1;

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

-- A name keeps its row for ever: the token must go on growing after the lease was given back.
create table leases (
  name       text    primary key,
  token      integer not null,
  holder     text    not null,
  process    text    not null,
  expires_ms integer not null
) strict, without rowid;

pragma application_id = ${applicationId};
pragma user_version = ${schemaVersion};
`;
