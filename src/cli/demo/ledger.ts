/**
 * The books of the demo's payments service: double entry, and a transfer in two transactions, as services have it that
 * grew up: first the debit, then the credit. A crash between the two leaves money debited and never credited.
 */
export const accountCount = 20_000;
export const openingBalance = 10_000;

export const schema = `
  create table accounts (id bigint primary key, balance bigint not null);
  create table entries (
    transfer_id bigint not null,
    account_id  bigint not null references accounts,
    amount      bigint not null,
    booked_at   timestamptz not null default clock_timestamp(),
    primary key (transfer_id, account_id)
  );
  create table statements (account_id bigint not null references accounts, balance bigint not null, as_of timestamptz);
  insert into accounts select id, ${openingBalance} from generate_series(1, ${accountCount}) id;
`;

/** Books one side of a transfer and answers the account's new balance. Two statements: the caller gives the transaction. */
export const bookEntry = {
  entry: "insert into entries (transfer_id, account_id, amount) values ($1, $2, $3)",
  balance: "update accounts set balance = balance + $2 where id = $1 returning balance::text as balance",
} as const;

export const halfDoneTransfers =
  "select transfer_id, sum(amount) as missing from entries group by transfer_id having sum(amount) <> 0";

/** One page of the monthly statements, of which the service writes many in one transaction. */
export const bookStatements = {
  pages: 50,
  page: "insert into statements select id, balance, now() from accounts where id % 50 = $1 limit 20",
} as const;

/** A half-done transfer is taken back: the money returns to the account that it was debited from. */
export const takeBackTransfer = `
  with taken as (delete from entries where transfer_id = $transfer_id returning account_id, amount)
  update accounts set balance = accounts.balance - taken.amount from taken where accounts.id = taken.account_id`;

export const cachedBalances =
  "select id::text as account, balance::text as value from accounts where id = any($1::bigint[])";
