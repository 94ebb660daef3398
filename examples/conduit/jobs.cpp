#include <cctype>

#include "viewer.hpp"

namespace conduit {
namespace {

struct count_tags {};

std::int64_t minutes_to_read(std::string_view text) {
  constexpr std::int64_t words_per_minute = 200;
  std::int64_t words = 0;
  bool in_word = false;
  for (unsigned char c : text) {
    words += !std::isspace(c) && !in_word;
    in_word = !std::isspace(c);
  }
  return 1 + words / words_per_minute;
}

}  // namespace

void define_article_jobs(aft::app& app) {
  app.job<count_article>([](count_article job, aft::transaction& tx) {
    const auto body = tx.find<std::string>("select body from article where id = $1", job.id);
    if (!body) return;  // deleted in the meantime
    tx.execute("update article set reading_minutes = $2 where id = $1", job.id,
               minutes_to_read(*body));
  });
  app.job<count_tags>([](count_tags, aft::transaction& tx) {
    tx.execute("delete from tag");
    tx.execute(
        "insert into tag (name, articles) select tag, count(*) from article_tag group by tag");
  });
  app.schedule("count tags", aft::schedule("*/10 * * * *"), count_tags{});
}

}  // namespace conduit
