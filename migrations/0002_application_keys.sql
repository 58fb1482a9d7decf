-- Who may ask for access tokens: one key of one store, found by its client id.
create table application_keys (
  client_id text not null primary key,
  store_id text not null,
  name text not null,
  -- SHA-256 of the secret, in hex; null: for the implicit grant only
  secret_digest text check (length(secret_digest) = 64 and secret_digest not glob '*[^0-9a-f]*'),
  created_at integer not null -- Unix time in milliseconds
) strict, without rowid;
