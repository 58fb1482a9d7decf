-- The tables of migrations/ as PostgreSQL has them, and the one write.
-- The order of ids is that of their bytes, as in SQLite.
create table associations (
  store_id text collate "C" not null,
  cart_id text collate "C" not null,
  account_id text collate "C" not null,
  created_at bigint not null, -- Unix time in milliseconds
  created_by text not null,
  request_id uuid not null,
  primary key (store_id, cart_id, account_id)
);

create index associations_by_account
  on associations (store_id, account_id, created_at desc, cart_id);

create table application_keys (
  client_id text primary key,
  store_id text not null,
  name text not null,
  secret_digest text check (secret_digest ~ '^[0-9a-f]{64}$'),
  created_at bigint not null
);

-- In a function each statement sees what was committed before it: once the cart is locked, nobody
-- else can claim it, and all of it is one round trip. The lock ends with the transaction.
create function associate(
  store text, cart text, accounts text[], at bigint, subject text, request uuid, shared boolean
) returns text language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(store || ':' || cart, 0));
  insert into associations (store_id, cart_id, account_id, created_at, created_by, request_id)
  select store, cart, account, at, subject, request from unnest(accounts) as account
  where shared or not exists (select from associations where store_id = store and cart_id = cart)
  on conflict do nothing;
  if found then
    return 'created';
  end if;
  perform from unnest(accounts) as account where not exists (
    select from associations where store_id = store and cart_id = cart and account_id = account);
  return case when found then 'taken' else 'unchanged' end;
end
$$;
