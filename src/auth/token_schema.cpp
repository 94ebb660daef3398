#include "token_schema.hpp"

namespace aft::auth {
namespace {

const char* const token_tables = R"(
create table aft_refresh_token (
  id           integer primary key,
  family       text not null,         -- of those that followed one another from one login on
  subject      text not null,
  token_hash   text not null unique,  -- SHA-256
  created_at   timestamp not null,
  expires_at   timestamp not null,
  family_until timestamp not null,
  used_at      timestamp,             -- exchanged for the next one
  ended_at     timestamp              -- with its family
) strict;
create index aft_refresh_token_family on aft_refresh_token (family);
create index aft_refresh_token_subject on aft_refresh_token (subject);

create table aft_api_key (
  id           integer primary key,
  subject      text not null,
  name         text not null,
  hint         text not null,         -- its first letters, to know it again by
  key_hash     text not null unique,  -- SHA-256
  scopes       json not null,
  created_at   timestamp not null,
  expires_at   timestamp,
  last_used_at timestamp,
  revoked_at   timestamp
) strict;
create index aft_api_key_subject on aft_api_key (subject);

create table aft_totp (
  id           integer primary key,
  subject      text not null unique,
  secret       blob,                      -- sealed
  confirmed_at timestamp,
  last_step    integer not null default -1,  -- of the last code that was taken
  failures     integer not null default 0,   -- since then
  locked_until timestamp
) strict;

create table aft_recovery_code (
  id         integer primary key,
  subject    text not null,
  code_hash  text not null unique,  -- SHA-256
  created_at timestamp not null,
  used_at    timestamp
) strict;
create index aft_recovery_code_subject on aft_recovery_code (subject);

create table aft_audit (
  id       integer primary key,  -- 1, 2, 3 ...
  at       timestamp not null,
  event    text not null,
  level    text not null,
  actor    text not null,
  target   text not null,
  address  text not null,
  agent    text not null,
  request  text not null,
  details  text not null,
  hash     text not null,        -- over this row and the hash before it
  seal     text not null         -- of the hash, by a key that is not in the database
) strict;
create index aft_audit_at on aft_audit (at);
create index aft_audit_actor on aft_audit (actor, id);

-- The last row of the log, so that it cannot be cut off unnoticed.
create table aft_audit_head (
  id    integer primary key,     -- 1
  last  integer not null,
  first integer not null,        -- what came before was dropped in due form
  base  text not null,           -- the hash before the first
  hash  text not null,
  seal  text not null
) strict;
)";

const char* const identity_tables = R"(
-- Accounts elsewhere.
create table aft_identity (
  id         integer primary key,
  issuer     text not null,
  subject    text not null,       -- there
  account    text not null,       -- here
  email      text not null,
  created_at timestamp not null,
  unique (issuer, subject)
) strict;
create index aft_identity_account on aft_identity (account);
)";

}  // namespace

std::vector<migration> token_migrations() {
  return {{"001_tokens", token_tables}, {"002_identities", identity_tables}};
}

}  // namespace aft::auth
