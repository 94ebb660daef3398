#include <aft/auth/accounts.hpp>

namespace aft::auth {
namespace {

const char* const account_tables = R"(
create table aft_account (
  id          integer primary key autoincrement,
  email       text not null,
  email_key   text not null unique,  -- in lower case
  password    text not null,         -- a PHC string, perhaps of a peppered one; empty: none
  verified_at timestamp,
  roles       json not null,
  tenant      integer not null,
  disabled    boolean not null,
  created_at  timestamp not null
) strict;

create table aft_session (
  id            integer primary key autoincrement,
  token_hash    text not null unique,  -- SHA-256
  account       integer not null references aft_account (id) on delete cascade,
  created_at    timestamp not null,
  seen_at       timestamp not null,
  fresh_at      timestamp not null,
  awaits_second boolean not null,
  device        text not null,
  address       text not null
) strict;
create index aft_session_account on aft_session (account);

-- Browsers that have logged in before.
create table aft_device (
  id         integer primary key autoincrement,
  token_hash text not null unique,
  account    integer not null references aft_account (id) on delete cascade,
  created_at timestamp not null
) strict;
create index aft_device_account on aft_device (account);

create table aft_mailed_token (
  token_hash text primary key,
  purpose    integer not null,  -- token_purpose
  account    integer references aft_account (id) on delete cascade,
  email      text not null,
  password   text not null,
  expires_at timestamp not null
) strict;
create index aft_mailed_token_account on aft_mailed_token (account);
create index aft_mailed_token_expires on aft_mailed_token (expires_at);

create table aft_throttle (
  key        text primary key,  -- a hash
  attempts   integer not null,
  opens_at   timestamp not null,
  forget_at  timestamp not null
) strict;
create index aft_throttle_forget on aft_throttle (forget_at);
)";

}  // namespace

std::vector<migration> migrations() { return {{"001_accounts", account_tables}}; }

}  // namespace aft::auth
