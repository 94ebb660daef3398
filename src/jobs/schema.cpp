#include "store.hpp"

namespace aft::jobs {
namespace {

const char* const tables = R"(
create table aft_worker (
  id       integer primary key autoincrement,  -- never that of another one
  machine  text not null,     -- the boot and the container that its process belongs to
  process  integer not null,
  started  integer not null,  -- of the process, to tell it from a later one of the same number
  seen_at  integer not null
) strict;

-- Queues of which there is something to say.
create table aft_queue (
  name       text primary key,
  is_paused  integer not null default 0,
  is_full    integer not null default 0
) strict;

create table aft_job (
  id            integer primary key autoincrement,  -- never that of another one
  kind          text not null,
  arguments     text not null,
  queue         text not null,
  state         integer not null,  -- job_state
  priority      integer not null,
  run_at        integer not null,
  attempt       integer not null default 0,
  max_attempts  integer not null,  -- 0: as its handler says
  worker        integer,
  stop_asked    integer not null default 0,
  error         text,
  history       text,              -- JSON: the last failed attempts
  created_at    integer not null,
  started_at    integer,
  finished_at   integer,
  keep_until    integer,           -- for those that have ended
  unique_key    text,              -- while it has it
  unique_until  integer,
  limit_key     text,
  waits_for     integer not null default 0,  -- jobs that are not done
  followers     integer not null default 0,  -- whether jobs wait for it
  progress      real,
  progress_note text,
  output        text,              -- JSON
  saved         text,              -- JSON: steps and cursors
  request_id    text,              -- of the request that enqueued it
  traceparent   text               -- and of its step in a trace
) strict;

create index aft_job_ready on aft_job (queue, priority desc, run_at, id) where state = 0;
create index aft_job_running on aft_job (worker) where state = 1;
create index aft_job_later on aft_job (run_at) where state = 5;
create index aft_job_ended on aft_job (state, id) where state in (2, 3, 4);
create index aft_job_keep on aft_job (keep_until) where keep_until is not null;
create unique index aft_job_unique on aft_job (kind, unique_key) where unique_key is not null;
create index aft_job_held on aft_job (limit_key, priority desc, run_at, id) where state = 6;
create index aft_job_limited on aft_job (limit_key, state) where limit_key is not null;

create table aft_job_after (
  parent  integer not null,
  job     integer not null,
  any_end integer not null default 0,  -- 1: that the parent has ended is enough
  primary key (parent, job)
) strict;
create index aft_job_after_job on aft_job_after (job);

create table aft_limit (
  key       text primary key,
  most      integer not null,  -- that run at once; 0: any number
  rate      integer not null,  -- that start in a period; 0: any number
  period    integer not null,
  used      integer not null default 0,  -- of the rate
  opens_at  integer not null default 0,  -- when the period ends
  is_waited integer not null default 0   -- for that, by jobs that are held
) strict;
create index aft_limit_waited on aft_limit (opens_at) where is_waited = 1;

create table aft_schedule (
  name          text primary key,
  kind          text not null,
  arguments     text not null,
  queue         text not null,
  priority      integer not null,
  max_attempts  integer not null,
  text          text not null,     -- of the schedule
  zone          text not null,
  missed        integer not null,  -- missed_runs: 0 skip, 1 once, 2 all
  next_at       integer not null,
  last_at       integer,
  is_paused     integer not null default 0
) strict;
)";

// So that jobs of kinds that nobody here knows are not in the way of others.
const char* const ready_by_kind = R"(
drop index aft_job_ready;
create index aft_job_ready on aft_job (queue, kind, priority desc, run_at, id) where state = 0;
)";

// Each index costs each job, also where it is not in it. "Due" is what is to be swept or to become
// ready; the queries say "state > 1", too, as SQLite does not find that out.
const char* const fewer_indexes = R"(
drop index aft_job_later;
drop index aft_job_keep;
create index aft_job_due on aft_job (state, coalesce(keep_until, run_at)) where state > 1;
drop index aft_job_held;
drop index aft_job_limited;
create index aft_job_limited on aft_job (limit_key, state, priority desc, run_at, id)
  where limit_key is not null;
)";

// SQLite builds a table for each "in" of an index, whenever a row is written.
const char* const ended_without_in = R"(
drop index aft_job_ended;
create index aft_job_ended on aft_job (state, id) where state > 1 and state < 5;
)";

// Jobs that a worker holds, with or without a row of their own. Only on PostgreSQL are there
// bundles. What adds a column to aft_job adds it to the views, at the end, and allows null in it,
// as bundles may have been made before.
const char* const no_bundles = R"(
create view aft_job_all as select * from aft_job;
)";
const char* const bundles = R"(
create table aft_job_bundle (
  id          bigint primary key,  -- by chance
  worker      bigint not null,
  started_at  bigint not null,
  lowest      bigint not null,     -- of the ids
  highest     bigint not null,
  remaining   bigint not null,     -- jobs that have not ended, and have no rows of their own
  jobs        aft_job[] not null,  -- as they were when they were claimed
  ended       bigint[] not null default '{}',
  apart       bigint[] not null default '{}'  -- with rows of their own again
);
alter table aft_job_bundle alter column jobs set storage external;
create index aft_job_bundle_worker on aft_job_bundle (worker);
create view aft_job_bundled as
  select j.id, j.kind, j.arguments, j.queue, cast(1 as bigint) as state, j.priority, j.run_at,
    j.attempt + 1 as attempt, j.max_attempts, b.worker, j.stop_asked, j.error, j.history,
    j.created_at, b.started_at, j.finished_at, j.keep_until, j.unique_key, j.unique_until,
    j.limit_key, j.waits_for, j.followers, j.progress, j.progress_note, j.output, j.saved,
    j.request_id, j.traceparent
  from aft_job_bundle b cross join lateral unnest(b.jobs) j
  where j.id <> all (b.ended) and j.id <> all (b.apart);
create view aft_job_all as select * from aft_job union all select * from aft_job_bundled;
)";

// SQLite's jobs take their ids from the sequence in blocks; an "autoincrement" would write it with
// each row. Views of the host's go on. What else of it depends on the table would be lost with it.
const char* const ids_in_blocks = R"(
create table aft_job_guard (
  n integer constraint "no foreign key or trigger of the host depends on aft_job" check (n = 0)
) strict;
insert into aft_job_guard select count(*) from sqlite_schema t
  join pragma_foreign_key_list(t.name) k where t.type = 'table' and lower(k."table") = 'aft_job';
insert into aft_job_guard
  select count(*) from sqlite_schema where type = 'trigger' and lower(tbl_name) = 'aft_job';
drop table aft_job_guard;
pragma legacy_alter_table = on;
drop view aft_job_all;
create table aft_job_new (
  id            integer primary key,  -- never that of another one: see sqlite_sequence
  kind          text not null,
  arguments     text not null,
  queue         text not null,
  state         integer not null,  -- job_state
  priority      integer not null,
  run_at        integer not null,
  attempt       integer not null default 0,
  max_attempts  integer not null,  -- 0: as its handler says
  worker        integer,
  stop_asked    integer not null default 0,
  error         text,
  history       text,              -- JSON: the last failed attempts
  created_at    integer not null,
  started_at    integer,
  finished_at   integer,
  keep_until    integer,           -- for those that have ended
  unique_key    text,              -- while it has it
  unique_until  integer,
  limit_key     text,
  waits_for     integer not null default 0,  -- jobs that are not done
  followers     integer not null default 0,  -- whether jobs wait for it
  progress      real,
  progress_note text,
  output        text,              -- JSON
  saved         text,              -- JSON: steps and cursors
  request_id    text,              -- of the request that enqueued it
  traceparent   text               -- and of its step in a trace
) strict;
insert into aft_job_new select * from aft_job;
insert into sqlite_sequence (name, seq)
  values ('aft_job_new', coalesce((select seq from sqlite_sequence where name = 'aft_job'), 0));
drop table aft_job;
alter table aft_job_new rename to aft_job;
pragma legacy_alter_table = off;
create index aft_job_running on aft_job (worker) where state = 1;
create unique index aft_job_unique on aft_job (kind, unique_key) where unique_key is not null;
create index aft_job_ready on aft_job (queue, kind, priority desc, run_at, id) where state = 0;
create index aft_job_due on aft_job (state, coalesce(keep_until, run_at)) where state > 1;
create index aft_job_limited on aft_job (limit_key, state, priority desc, run_at, id)
  where limit_key is not null;
create index aft_job_ended on aft_job (state, id) where state > 1 and state < 5;
create view aft_job_all as select * from aft_job;
)";
const char* const ids_as_before = "select 1";

}  // namespace

std::vector<migration> migrations() {
  return {{"001_jobs", tables},
          {"002_ready_by_kind", ready_by_kind},
          {"003_fewer_indexes", fewer_indexes},
          {"004_ended_without_in", ended_without_in},
          {"005_bundles", no_bundles, bundles},
          {"006_ids_in_blocks", ids_in_blocks, ids_as_before}};
}

}  // namespace aft::jobs
