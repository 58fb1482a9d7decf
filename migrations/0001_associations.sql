-- "This account has this cart", inside one store.
-- Without a rowid, a new association costs two rows written: the table's b-tree and the index's.
create table associations (
  store_id text not null,
  cart_id text not null,
  account_id text not null,
  created_at integer not null, -- Unix time in milliseconds
  used_at integer not null, -- Unix time in milliseconds: when it was last asked for by POST
  created_by text not null, -- sub of the token that asked
  request_id text not null, -- the request that inserted this row
  primary key (store_id, cart_id, account_id)
) strict, without rowid;

-- The carts of an account, last used first.
create index associations_by_account
  on associations (store_id, account_id, used_at desc, cart_id);

-- Where the removal of expired associations goes on: one row, or none before the first run.
create table sweep (
  only_row integer primary key check (only_row = 1),
  store_id text not null,
  cart_id text not null
) strict;
