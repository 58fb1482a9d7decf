-- Who may ask for access tokens: one key of one store, found by its client id.
create table application_keys (
  client_id text not null primary key,
  store_id text not null,
  name text not null,
  secret_digest text, -- SHA-256 of the secret, in hex; null: for the implicit grant only
  created_at integer not null -- Unix time in milliseconds
) strict, without rowid;
