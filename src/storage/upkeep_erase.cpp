// Many rows deleted in small transactions: their keys are found by a reader, and the writer is held
// for these alone.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <aft/ground/encoding.hpp>
#include <aft/storage/upkeep.hpp>

#include "../ground/may_wait.hpp"
#include "chunk_size.hpp"
#include "connection.hpp"
#include "move_value.hpp"

namespace aft {
namespace {

constexpr auto longest_look = milliseconds(50);  // SQLite's log cannot begin anew meanwhile
constexpr std::size_t listed_keys = 64;          // in one statement of SQLite

// What names a row: one of these, as the engine compares it.
struct erased_key {
  std::optional<std::int64_t> whole{};
  std::optional<double> number{};
  std::optional<std::string> text{};  // on PostgreSQL of all types but bytea
  std::optional<std::vector<std::byte>> bytes{};
};

void bind_key(sql_text& q, const erased_key& k) {
  if (k.whole) q.add("$1", *k.whole);
  else if (k.number) q.add("$1", *k.number);
  else if (k.bytes) q.add("$1", *k.bytes);
  else q.add("$1", k.text.value_or(""));
}

std::string hex_of_key(const std::vector<std::byte>& bytes) {
  return to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string array_of(std::span<const erased_key> keys) {
  std::string array;
  for (const auto& k : keys) {
    storage::append_element(array, k.bytes ? "\\x" + hex_of_key(*k.bytes) : k.text);
  }
  return array + "}";
}

class chunked_erase {
 public:
  chunked_erase(database& db, std::string_view table, const sql_text& condition,
                const erase_options& options)
      : db_(db), table_(table), key_(options.key), chunk_(options.longest) {
    asked_.add("(case when").add_name(key_).add("is null then 0 else 1 end) = 1 and (");
    asked_.add(condition).add(")");
    // The key alone leads to the rows, whatever indexes there are: no planner looks into a case.
    holds_.add("(case when (").add(condition).add(") then 1 end) = 1");
    db.read([this](reader& r) {
      learn_key(r);
      has_index_ = is_found_by_index(r);
    });
  }

  std::int64_t run() {
    std::int64_t erased = 0;
    while (has_index_ && ask()) {
      const auto before = erased;
      while (!found_.empty()) erased += erase();
      has_index_ = erased != before;  // else they would be found for ever
    }
    if (has_index_) return erased;
    for (bool more = true; more || !found_.empty();) {
      if (more && std::int64_t(found_.size()) < chunk_.rows()) more = look();
      else erased += erase();
    }
    return erased;
  }

 private:
  void learn_key(reader& r);
  sql_text select_keys() const;
  sql_text select_rows() const;
  bool is_found_by_index(reader& r) const;
  bool ask();
  bool look();
  std::int64_t erase();
  std::vector<sql_text> deletes(std::span<const erased_key> keys) const;
  sql_text delete_from() const;

  database& db_;
  const std::string table_, key_;
  sql_text asked_{}, holds_{};  // the condition
  bool is_postgres_ = false, has_bytes_ = false;
  bool has_index_ = false;  // for the condition
  storage::chunk_size look_{longest_look}, chunk_;
  std::int64_t undisturbed_ = storage::largest_chunk;  // rows with which others hardly interfere
  std::optional<erased_key> last_{};                   // that was looked at
  std::deque<erased_key> found_{};                     // and are to go
};

void chunked_erase::learn_key(reader& r) {
  is_postgres_ = storage_access::kind(r) == storage::engine_kind::postgres;
  if (!is_postgres_) return;
  const auto is_bytea = r.find<bool>(
      "select case t.typtype when 'd' then t.typbasetype else t.oid end = 'bytea'::regtype "
      "from pg_attribute a join pg_type t on t.oid = a.atttypid "
      "where a.attrelid = $1::regclass and a.attname = $2",
      quoted_name(table_), key_);
  has_bytes_ = is_bytea.value_or(false);
}

sql_text chunked_erase::select_rows() const {
  sql_text q("select");
  const auto add_kind = [&](sql_of<0> when, sql_of<0> end) {
    q.add("case typeof(").add_name(key_).add(")").add(when).add_name(key_).add(end);
  };
  if (is_postgres_) {
    q.add_name(key_);
    if (has_bytes_) q.add("as bytes");
    else q.add("::text as text");
  } else {
    add_kind("when 'integer' then", "end as whole,");
    add_kind("when 'real' then", "end as number,");
    add_kind("when 'text' then", "end as text,");
    add_kind("when 'blob' then", "end as bytes");
  }
  q.add("from").add_name(table_).add("where");
  return q;
}

// Of the rows behind the last one.
sql_text chunked_erase::select_keys() const {
  auto q = select_rows().add_name(key_);
  if (last_) bind_key(q.add(">"), *last_);
  else q.add("is not null");
  return q;
}

// Or the table is so small that it does not matter.
bool chunked_erase::is_found_by_index(reader& r) const {
  try {
    const auto plan = storage_access::connection_of(r).explain(
        sql_text(select_rows()).add(asked_).add("limit 1").text());
    return !plan.empty() && plan.find("SCAN") == plan.npos && plan.find("Seq Scan") == plan.npos;
  } catch (const storage_error&) {
    return false;
  }
}

// For the next rows that are to go. False: there are none, or, without an index that leads to them
// at once, they are to be looked for in the whole table.
bool chunked_erase::ask() {
  try {
    return db_.read(
        [this](reader& r) {
          r.each<erased_key>(select_rows().add(asked_).add("limit $1", chunk_.rows()),
                             [this](erased_key& k) { found_.push_back(std::move(k)); });
          return !found_.empty();
        },
        {.timeout = longest_look});
  } catch (const storage_error& e) {
    if (e.fault() != storage_fault::late) throw;
    found_.clear();
    return has_index_ = false;
  }
}

// At the next rows of the table, as many as a short read has time for. False: these were the last.
bool chunked_erase::look() {
  return db_.read([this](reader& r) {
    const auto began = db_.time().steady();
    auto end = r.find<erased_key>(
        select_keys().add("order by").add_name(key_).add("limit 1 offset $1", look_.rows() - 1));
    const bool more = end.has_value();
    if (!more) {
      end = r.find<erased_key>(select_keys().add("order by").add_name(key_).add("desc limit 1"));
    }
    if (!end) return false;
    auto q = select_keys().add("and").add_name(key_).add("<=");
    bind_key(q, *end);
    r.each<erased_key>(q.add("and").add(holds_),
                       [this](erased_key& k) { found_.push_back(std::move(k)); });
    last_ = std::move(end);
    look_.took(db_.time().steady() - began, look_.rows());
    return more;
  });
}

// A scan would meet all who write to the table, where transactions are serializable. Where the
// server cannot do without one, as in a cascade, it would find it so dear that it compiles it.
void go_by_index(transaction& tx) {
  tx.all<std::string>(
      "select set_config('enable_seqscan', 'off', true) || set_config('jit', 'off', true)");
}

// On PostgreSQL fewer rows at once where others were in the way; none, where they always were.
std::int64_t chunked_erase::erase() {
  const auto size = std::min({std::int64_t(std::ssize(found_)), chunk_.rows(), undisturbed_});
  const auto end = found_.begin() + std::ptrdiff_t(size);
  const std::vector<erased_key> keys(found_.begin(), end);
  const auto statements = deletes(keys);
  int runs = 0;
  duration took;
  std::int64_t erased = 0;
  try {
    erased = db_.write(
        [&](transaction& tx) {
          ++runs;
          const auto began = db_.time().steady();
          if (is_postgres_) go_by_index(tx);
          std::int64_t rows = 0;
          for (const auto& s : statements) rows += tx.execute(s);
          took = db_.time().steady() - began;
          return rows;
        },
        {.low_priority = true});
  } catch (const storage_error& e) {
    if (!is_postgres_ || e.fault() != storage_fault::busy || size == 1) throw;
    undisturbed_ = std::max<std::int64_t>(size / 8, 1);
    return 0;
  }
  found_.erase(found_.begin(), end);
  undisturbed_ = runs > 1 ? std::max<std::int64_t>(size / 2, 1)
                          : std::min(undisturbed_ + undisturbed_ / 8 + 1, storage::largest_chunk);
  chunk_.took(took, size);
  return erased;
}

// SQLite's are of two texts alone, as statements are kept by their texts.
std::vector<sql_text> chunked_erase::deletes(std::span<const erased_key> keys) const {
  std::vector<sql_text> all;
  if (is_postgres_) {
    all.push_back(delete_from().add("= any($1) and", array_of(keys)).add(holds_));
    return all;
  }
  while (!keys.empty()) {
    const auto count = keys.size() < listed_keys ? 1 : listed_keys;
    auto q = delete_from().add("in (");
    bind_key(q, keys[0]);
    for (const auto& k : keys.first(count).subspan(1)) bind_key(q.add(","), k);
    all.push_back(q.add(") and").add(holds_));
    keys = keys.subspan(count);
  }
  return all;
}

sql_text chunked_erase::delete_from() const {
  sql_text q("delete from");
  q.add_name(table_).add("where").add_name(key_);
  return q;
}

}  // namespace

std::int64_t erase_in_chunks(database& db, std::string_view table, const sql_text& condition,
                             const erase_options& options) {
  if (detail::must_not_wait) {
    throw storage_error(storage_fault::misuse,
                        fmt::format("a delete in chunks waits, {}; make it in a job, or in a "
                                    "handler that is aft::blocking",
                                    detail::must_not_wait));
  }
  return chunked_erase(db, table, condition, options).run();
}

}  // namespace aft
