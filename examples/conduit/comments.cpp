#include "conduit.hpp"

namespace conduit {
namespace {

struct new_comment {
  aft::text<1, 10'000> body;
};
struct new_comment_body {
  new_comment comment;
};

struct comment_view {
  std::int64_t id;
  aft::time_point createdAt, updatedAt;
  std::string body;
  profile_view author;
};
struct comment_answer {
  comment_view comment;
};
struct comments_answer {
  std::vector<comment_view> comments;
};

// What a job tells those who listen, once the comment is committed.
struct announce_comment {
  std::int64_t id;
  std::string slug;
};
struct comment_event {
  std::string slug;
  comment_view comment;
};

std::vector<comment_view> list(aft::reader& db, std::optional<std::int64_t> article,
                               std::int64_t viewer, std::optional<std::int64_t> only = {}) {
  return db.all<comment_view>(
      R"(select c.id, c.created_at as "createdAt", c.updated_at as "updatedAt", c.body,
          u.username as "author.username", u.bio as "author.bio", u.image as "author.image",
          exists (select 1 from follow where follower = $2 and followed = u.id)
            as "author.following"
        from comment c join account u on u.id = c.author
        where ($1 is null or c.article = $1) and ($3 is null or c.id = $3)
        order by c.id desc limit 500)",
      article, viewer, only);
}

comments_answer read(const std::string& slug, maybe_viewer me, aft::reader& db) {
  return {list(db, find_article(db, slug).id, me.id)};
}

comment_answer comment(const std::string& slug, aft::body<new_comment_body> in, viewer me,
                       aft::transaction& tx) {
  const auto article = find_article(tx, slug).id;
  const auto id = tx.one<std::int64_t>(
      "insert into comment (article, author, body, created_at, updated_at) "
      "values ($1, $2, $3, $4, $4) returning id",
      article, me.id, in->comment.body, tx.now());
  aft::enqueue(tx, announce_comment{id, slug});
  return {std::move(list(tx, article, me.id, id).front())};
}

void erase(const std::string& slug, std::int64_t id, viewer me, aft::transaction& tx) {
  const auto author = tx.find<std::int64_t>(
      "select author from comment where id = $1 and article = $2", id, find_article(tx, slug).id);
  if (!author) throw refuse(404, "comment", "not found");
  if (*author != me.id) throw refuse(403, "comment", "forbidden");
  tx.execute("delete from comment where id = $1", id);
}

void announce(announce_comment job, aft::transaction& tx, aft::event_feed& feed) {
  const auto found = list(tx, std::nullopt, 0, job.id);
  if (!found.empty()) feed.publish(comment_event{job.slug, found.front()}, "comment");
}

aft::event_stream listen(aft::event_feed& feed) { return aft::event_stream(feed); }

}  // namespace

void define_comments(aft::app& app) {
  auto api = app.group("/api", "Comments");
  const auto* none = "There is no such article.";
  api.get("/articles/{slug}/comments", read).summary("What is said of it").answers(404, none);
  api.post("/articles/{slug}/comments", comment).summary("Comment on it").answers(404, none);
  api.del("/articles/{slug}/comments/{id}", erase)
      .summary("Delete a comment")
      .answers(403, "It is another's.")
      .answers(404, "There is none.");
  api.get("/comments/live", listen)
      .summary("New comments, as they come")
      .description("Events of the type `comment`: `{\"slug\": ..., \"comment\": ...}`.");
  app.job<announce_comment>(announce);
}

}  // namespace conduit
