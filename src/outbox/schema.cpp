#include "schema.hpp"

namespace aft::outbox {
namespace {

const char* const mail_tables = R"(
create table aft_mail (
  id          integer primary key,
  message_id  text not null,
  subject     text not null,
  mail        text not null,  -- JSON; empty once all have got it
  created_at  timestamp not null
) strict;

create table aft_mail_to (
  id          integer primary key,
  mail        integer not null references aft_mail (id) on delete cascade,
  address     text not null,
  state       integer not null default 0,  -- mail_state: 0 waiting, 1 sent, 2 given up
  error       text,
  created_at  timestamp not null,
  done_at     timestamp
) strict;
create index aft_mail_to_address on aft_mail_to (lower(address), created_at);
create index aft_mail_to_mail on aft_mail_to (mail);
create index aft_mail_created on aft_mail (created_at);

-- What send_mail goes by, of the program that started last.
create table aft_mail_setting (
  id     integer primary key,  -- 1
  value  text not null         -- JSON
) strict;
)";

const char* const webhook_tables = R"(
create table aft_webhook_endpoint (
  id             integer primary key,
  url            text not null,
  types          json not null,  -- of messages that it gets; empty: all
  secret         blob,           -- sealed
  old_secret     blob,           -- sealed; signs too, until
  old_until      timestamp,
  is_enabled     boolean not null,
  why_disabled   text,
  failing_since  timestamp,
  created_at     timestamp not null
) strict;

create table aft_webhook_message (
  id          integer primary key,
  name        text not null unique,  -- "msg_...", what receivers know it by
  type        text not null,
  body        text not null,
  created_at  timestamp not null
) strict;
create index aft_webhook_message_created on aft_webhook_message (created_at);

create table aft_webhook_delivery (
  id          integer primary key,
  message     integer not null references aft_webhook_message (id) on delete cascade,
  endpoint    integer not null references aft_webhook_endpoint (id) on delete cascade,
  state       integer not null default 0,  -- webhook_state: 0 waiting, 1 delivered, 2 given up
  attempts    integer not null default 0,
  status      integer not null default 0,  -- of the last answer; 0: none
  error       text,
  created_at  timestamp not null,
  done_at     timestamp
) strict;
create index aft_webhook_delivery_endpoint on aft_webhook_delivery (endpoint, id);
create index aft_webhook_delivery_message on aft_webhook_delivery (message);
)";

}  // namespace

std::vector<migration> migrations() {
  return {{"001_mail", mail_tables}, {"002_webhooks", webhook_tables}};
}

}  // namespace aft::outbox
