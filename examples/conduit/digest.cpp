#include "conduit.hpp"

namespace conduit {
namespace {

// One job for each reader, so that what fails for one is tried again for that one.
struct send_digests {};
struct send_digest {
  std::int64_t reader;
};

struct new_article {
  std::string title, author;
};

void begin_digests(send_digests, aft::transaction& tx) {
  for (const auto id : tx.all<std::int64_t>("select distinct follower from follow")) {
    aft::enqueue(tx, send_digest{id}, {.unique = std::to_string(id)});
  }
}

void mail_digest(send_digest job, aft::transaction& tx) {
  const auto written = tx.all<new_article>(
      "select a.title, u.username as author from article a join account u on u.id = a.author "
      "join follow f on f.followed = a.author "
      "where f.follower = $1 and a.created_at > $2 order by a.created_at desc, a.id desc limit 20",
      job.reader, tx.now() - aft::days(7));
  if (written.empty()) return;
  const auto [name, email] = tx.one<std::pair<std::string, std::string>>(
      "select username, email from account where id = $1", job.reader);
  auto text = "Hello " + name + ",\n\nthis is what those you follow wrote last week:\n\n";
  for (const auto& a : written) text += "- " + a.title + ", by " + a.author + "\n";
  const auto sent =
      aft::send_mail(tx, {.to = {{email, name}}, .subject = "Your week on Conduit", .text = text});
  if (!sent) throw aft::cancel_job{std::string(to_string(sent.reason()))};
}

}  // namespace

void define_digest(aft::app& app) {
  app.job<send_digests>(begin_digests);
  app.job<send_digest>(mail_digest);
  app.schedule("digest", aft::schedule("0 8 * * MON"), send_digests{});
}

}  // namespace conduit
