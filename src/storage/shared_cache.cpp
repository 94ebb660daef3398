#include <aft/storage/shared_cache.hpp>

#include <algorithm>

#include <aft/ground/encoding.hpp>

#include "database.hpp"

namespace aft::detail {
namespace {

// A notice of PostgreSQL is text of less than 8000 bytes, with a name and the topic before.
constexpr std::size_t longest_key = 5'000;
constexpr std::size_t most_notes = 100;  // of one transaction

constexpr char sign_of_key = 'k', sign_of_tag = 't';  // without either: everything

}  // namespace

cache_news::cache_news(database& db, std::string_view name, void* owner,
                       void (*drop)(void* owner, scope of, std::string_view what))
    : db_(db), topic_("cache " + to_base64url(name)),
      listener_(db.inside().engine().listen(topic_, [owner, drop](const std::string_view* what) {
        std::string key;
        const char sign = what && !what->empty() ? what->front() : '\0';
        const bool is_one =
            (sign == sign_of_key || sign == sign_of_tag) && from_base64url(what->substr(1), key);
        if (!is_one) drop(owner, scope::all, {});
        else drop(owner, sign == sign_of_key ? scope::key : scope::tag, key);
      })) {}

cache_news::~cache_news() { db_.unlisten(listener_); }

void cache_news::tell(transaction& tx, scope of, std::string_view what) const {
  const auto& notes = storage_access::notes(tx);
  const auto own = std::count_if(notes.begin(), notes.end(), [this](const std::string& note) {
    return note.starts_with(topic_) && note.size() > topic_.size() && note[topic_.size()] == '\n';
  });
  if (what.size() > longest_key || std::size_t(own) >= most_notes) of = scope::all;
  auto note = topic_ + '\n';
  if (of != scope::all) {
    note += of == scope::key ? sign_of_key : sign_of_tag;
    note += to_base64url(what);
  }
  storage_access::note(tx, std::move(note));
}

}  // namespace aft::detail
