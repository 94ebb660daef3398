#include <aft/auth/audit.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>

#include "../ground/utf8.hpp"

namespace aft {
namespace {

constexpr std::size_t max_audit_text = 256;
constexpr std::size_t max_audit_details = 4'096;
constexpr std::int64_t max_dropped_at_once = 10'000;

struct stored_head {
  std::int64_t last, first;
  std::string base, hash, seal;
};

struct stored_row {
  audit_row row;
  std::string seal;
};

std::string_view level_name(audit_level level) {
  switch (level) {
    case audit_level::info: return "INFO";
    case audit_level::warning: return "WARN";
    case audit_level::critical: break;
  }
  return "CRITICAL";
}

bool is_event_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// What may stand in one line of a log, whoever wrote it.
std::string tame(std::string_view text) {
  auto length = std::min(text.size(), max_audit_text);
  while (length < text.size() && length && (text[length] & 0xc0) == 0x80) --length;
  std::string tamed;
  for (const char c : text.substr(0, length)) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 32 || u == 127) tamed += fmt::format("\\u{:04x}", u);
    else tamed += c;
  }
  if (!detail::is_utf8(tamed)) {
    for (auto& c : tamed) {
      if (c & 0x80) c = '?';
    }
  }
  return tamed;
}

// No two rows make the same text.
std::string hash_of(std::string_view before, const audit_row& r) {
  const auto id = std::to_string(r.id), at = std::to_string(r.at.since_1970().in_microseconds());
  std::string text = "aft audit 1";
  for (const std::string_view part :
       {before, std::string_view(id), std::string_view(at), std::string_view(r.event),
        std::string_view(r.level), std::string_view(r.actor), std::string_view(r.target),
        std::string_view(r.address), std::string_view(r.agent), std::string_view(r.request),
        std::string_view(r.details)}) {
    text += fmt::format("{}:{}", part.size(), part);
  }
  return to_base64url(sha256(text));
}

std::string text_of(const stored_head& h) {
  return fmt::format("head {} {} {} {}", h.last, h.first, h.base, h.hash);
}

stored_head read_head(reader& db) {
  return db.find<stored_head>("select last, first, base, hash, seal from aft_audit_head")
      .value_or(stored_head{0, 1, "", "", ""});
}

void write_head(transaction& tx, const stored_head& h) {
  tx.execute(
      "insert into aft_audit_head (id, last, first, base, hash, seal) values (1, $1, $2, $3, $4, "
      "$5) "
      "on conflict (id) do update set last = excluded.last, first = excluded.first, "
      "base = excluded.base, hash = excluded.hash, seal = excluded.seal",
      h.last, h.first, h.base, h.hash, h.seal);
}

}  // namespace

audit_entry&& audit_entry::from(const request& r) && {
  address = r.client();
  agent = std::string(r.header("User-Agent").value_or(""));
  return std::move(*this);
}

std::string audit_log::seal(std::string_view hash) const {
  return keys_ ? keys_->index(hash, "aft_audit", "seal") : "";
}

bool audit_log::is_sealed(std::string_view hash, std::string_view seal) const {
  if (!keys_) return true;
  const auto possible = keys_->indexes(hash, "aft_audit", "seal");
  return std::find(possible.begin(), possible.end(), seal) != possible.end();
}

std::int64_t audit_log::append(transaction& tx, const audit_entry& what) const {
  if (!is_event_name(what.event)) {
    throw error("the name of an audited event has lower-case letters, digits and \"_\"");
  }
  if (what.details.text.size() > max_audit_details || !json::valid(what.details.text)) {
    throw error("the details of an audited event are JSON of 4,096 bytes at most");
  }
  auto head = read_head(tx);
  audit_row row{head.last + 1,
                tx.now(),
                what.event,
                std::string(level_name(what.level)),
                tame(what.actor),
                tame(what.target),
                tame(what.address),
                tame(what.agent),
                tame(what.request_id),
                what.details.text,
                {}};
  row.hash = hash_of(head.hash, row);
  // First of all the head, for which others wait on PostgreSQL, to be run again then.
  head.last = row.id;
  head.hash = row.hash;
  head.seal = seal(text_of(head));
  write_head(tx, head);
  tx.execute(
      "insert into aft_audit (id, at, event, level, actor, target, address, agent, request, "
      "details, hash, seal) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
      row.id, row.at, row.event, row.level, row.actor, row.target, row.address, row.agent,
      row.request, row.details, row.hash, seal(row.hash));
  return row.id;
}

audit_verdict audit_log::verify(reader& db, const std::optional<audit_head>& known) const {
  const auto head = read_head(db);
  audit_verdict v;
  const auto wrong = [&](std::int64_t where, const char* why) {
    v.is_sound = false;
    v.where = where;
    v.why = why;
  };
  bool met = !known || known->last == 0;
  std::string before = head.base;
  std::int64_t next = head.first;
  db.each<stored_row>(
      "select id as \"row.id\", at as \"row.at\", event as \"row.event\", level as \"row.level\", "
      "actor as \"row.actor\", target as \"row.target\", address as \"row.address\", "
      "agent as \"row.agent\", request as \"row.request\", details as \"row.details\", "
      "hash as \"row.hash\", seal from aft_audit order by id",
      [&](stored_row& s) {
        const auto& r = s.row;
        ++v.rows;
        if (r.id != next) return wrong(next, "a row is missing, or one too many"), false;
        if (r.hash != hash_of(before, r)) return wrong(r.id, "the row was changed"), false;
        if (!is_sealed(r.hash, s.seal)) return wrong(r.id, "the row was made by others"), false;
        if (known && r.id == known->last) met = r.hash == known->hash;
        before = r.hash;
        ++next;
        return true;
      });
  if (!v.is_sound) return v;
  if (next != head.last + 1 || before != head.hash) {
    wrong(next, "the last rows are missing");
  } else if (!(head.last == 0 && head.seal.empty()) && !is_sealed(text_of(head), head.seal)) {
    wrong(head.last, "the end of the log was made by others");
  } else if (!met && !(known->last == head.first - 1 && known->hash == head.base)) {
    wrong(known->last, "it is not the log whose end was kept elsewhere");
  }
  return v;
}

audit_head audit_log::head(reader& db) {
  const auto head = read_head(db);
  return {head.last, head.hash};
}

std::vector<audit_row> audit_log::list(reader& db, std::int64_t before, std::int64_t limit) {
  return db.all<audit_row>(
      "select * from aft_audit where $1 = 0 or id < $1 order by id desc limit $2", before, limit);
}

std::int64_t audit_log::drop_before(transaction& tx, time_point moment) const {
  struct place {
    std::int64_t id;
    std::string hash;
  };
  auto head = read_head(tx);
  const auto last = tx.find<place>(
      "select id, hash from aft_audit where at < $1 and id < $2 order by id desc limit 1", moment,
      head.first + max_dropped_at_once);
  if (!last) return 0;
  const auto count = tx.execute("delete from aft_audit where id <= $1", last->id);
  head.first = last->id + 1;
  head.base = last->hash;
  head.seal = seal(text_of(head));
  write_head(tx, head);
  return count;
}

}  // namespace aft
