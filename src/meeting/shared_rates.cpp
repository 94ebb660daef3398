#include "shared_rates.hpp"

#include <algorithm>
#include <exception>
#include <optional>

#include "../storage/connection.hpp"

namespace aft::meeting {
namespace {

constexpr std::uint64_t clean_rates_every = 1024;  // takes

// Who loses the last moments of it with the server's power has lost little.
const migration rates_table{"001_rates",
                            R"(
create table aft_rate (
  name    text not null,     -- of the limit
  key     text not null,     -- a hash of what it counts by
  full_at integer not null,  -- when all of it is there again: nanoseconds since 1970
  primary key (name, key)
) strict;
)",
                            R"(
create unlogged table aft_rate (
  name    text not null,
  key     text not null,
  full_at bigint not null,
  primary key (name, key)
) with (fillfactor = 50);
)"};

// Its statements are sound by themselves, so nobody has to be run again because of another one.
void be_read_committed(transaction& tx) {
  if (storage_access::kind(tx) == storage::engine_kind::postgres) {
    tx.execute("set transaction isolation level read committed");
  }
}

void take_one(transaction& tx, http::shared_take& one) {
  const auto now = one.now, most = now + one.pace.room;
  const auto given = tx.find<std::int64_t>(
      "insert into aft_rate (name, key, full_at) values ($1, $2, $3) "
      "on conflict (name, key) do update set full_at = case when aft_rate.full_at > $4 "
      "then aft_rate.full_at + $5 else $3 end where aft_rate.full_at + $5 <= $6 "
      "returning full_at",
      one.name, one.key, now + one.pace.step, now, one.pace.step, most);
  one.is_given = given.has_value();
  if (given) {
    one.full_at = *given;
    return;
  }
  const auto there = tx.find<std::int64_t>(
      "select full_at from aft_rate where name = $1 and key = $2", one.name, one.key);
  one.full_at = std::min(there.value_or(most), most);
  if (there.value_or(most) > most) {  // some clock was set back
    tx.execute("update aft_rate set full_at = $3 where name = $1 and key = $2", one.name, one.key,
               most);
  }
}

void clean_rates(transaction& tx, const std::string& name, std::int64_t now,
                 std::int64_t most_keys) {
  be_read_committed(tx);
  tx.execute("delete from aft_rate where name = $1 and full_at <= $2", name, now);
  const auto beyond = tx.find<std::int64_t>(
      "select full_at from aft_rate where name = $1 order by full_at desc limit 1 offset $2", name,
      most_keys);
  if (beyond) tx.execute("delete from aft_rate where name = $1 and full_at <= $2", name, *beyond);
}

}  // namespace

std::vector<migration> rates_migrations() { return {rates_table}; }

bool has_shared_limit(const http::route_list& routes) {
  return std::any_of(routes.entries.begin(), routes.entries.end(), [](const auto& e) {
    return std::any_of(e->limits.begin(), e->limits.end(),
                       [](const http::limiter* l) { return l->is_shared(); });
  });
}

http::shared_limits shared_rates::limits() {
  return {this, [](void* context, std::vector<http::shared_take>& all) {
            static_cast<shared_rates*>(context)->take(all);
          }};
}

void shared_rates::take(std::vector<http::shared_take>& all) {
  db_.write([&all](transaction& tx) {
    be_read_committed(tx);
    for (auto& one : all) take_one(tx, one);
    if (std::all_of(all.begin(), all.end(), [](const auto& one) { return one.is_given; })) return;
    for (const auto& one : all) {
      if (!one.is_given) continue;
      tx.execute("update aft_rate set full_at = full_at - $3 where name = $1 and key = $2",
                 one.name, one.key, one.pace.step);
    }
  });
  if (taken_.fetch_add(1, std::memory_order_relaxed) % clean_rates_every != clean_rates_every - 1) {
    return;
  }
  for (const auto& one : all) clean_up(one);
}

void shared_rates::clean_up(const http::shared_take& of) {
  try {
    db_.submit([name = of.name, now = of.now, most = std::int64_t(of.most_keys)](
                   transaction& tx) { clean_rates(tx, name, now, most); },
               [](std::exception_ptr) {}, {.low_priority = true});
  } catch (const storage_error&) {}  // a full queue; the next time
}

}  // namespace aft::meeting
