#include <algorithm>
#include <cctype>

#include "conduit.hpp"

namespace conduit {

article_key find_article(aft::reader& db, const std::string& slug) {
  auto found = db.find<article_key>("select id, author from article where slug = $1", slug);
  if (!found) throw refuse(404, "article", "not found");
  return *found;
}

namespace {

using line = aft::text<1, 300>;
using long_text = aft::text<1, 100'000>;
using tag_list = std::vector<aft::text<1, 50>>;

struct new_article {
  line title, description;
  long_text body;
  std::optional<tag_list> tagList;
  static void rules(aft::rules<new_article>& r) { r(&new_article::tagList).length(0, 20); }
};
struct new_article_body {
  new_article article;
};

struct article_changes {
  std::optional<line> title, description;
  std::optional<long_text> body;
  std::optional<std::optional<tag_list>> tagList;
  static void rules(aft::rules<article_changes>& r) {
    r.check(&article_changes::tagList, "can't be null",
            [](const article_changes& c) { return !c.tagList || *c.tagList; });
  }
};
struct article_changes_body {
  article_changes article;
};

// Without its body, as lists show it.
struct listed_article {
  std::string slug, title, description;
  std::vector<std::string> tagList;
  aft::time_point createdAt, updatedAt;
  bool favorited;
  std::int64_t favoritesCount;
  profile_view author;
};
struct article_view {
  std::string slug, title, description, body;
  std::vector<std::string> tagList;
  aft::time_point createdAt, updatedAt;
  bool favorited;
  std::int64_t favoritesCount;
  profile_view author;
};
struct article_answer {
  article_view article;
};
struct tags_answer {
  std::vector<std::string> tags;
};
struct articles_answer {
  std::vector<listed_article> articles;
  std::int64_t articlesCount;
};

struct paging {
  aft::bounded<int, 1, 100> limit{20};
  aft::bounded<int, 0, 1'000'000> offset{0};
};
struct filters {
  std::optional<std::string> tag{}, author{}, favorited{};
  aft::bounded<int, 1, 100> limit{20};
  aft::bounded<int, 0, 1'000'000> offset{0};
};

// What a job does after an article is published or changed.
struct count_article {
  std::int64_t id;
};

article_key find_own(aft::reader& db, const std::string& slug, viewer me) {
  const auto key = find_article(db, slug);
  if (key.author != me.id) throw refuse(403, "article", "forbidden");
  return key;
}

// The columns of an article_view, as `viewer` sees it.
aft::sql_text select_views(std::int64_t viewer) {
  return aft::sql_text(R"(
    select v.*, exists (select 1 from favorite where account = $1 and article = v.id) as favorited,
      exists (select 1 from follow where follower = $1 and followed = v.author_id)
        as "author.following" from article_view v)",
                       viewer);
}

article_answer show(aft::reader& db, std::int64_t id, std::int64_t viewer) {
  return {db.one<article_view>(select_views(viewer).add("where id = $1", id))};
}

articles_answer list(aft::reader& db, const paging& p, std::int64_t viewer,
                     const aft::sql_text& where) {
  aft::sql_text count("select count(*) from (select id, author as author_id from article) v");
  const auto page = select_views(viewer).add(where).add(
      "order by \"createdAt\" desc, id desc limit $1 offset $2", p.limit, p.offset);
  return {db.all<listed_article>(page), db.one<std::int64_t>(count.add(where))};
}

std::string slug_of(std::string_view title) {
  std::string slug;
  for (const unsigned char c : title) {
    if (c >= 0x80 || std::isalnum(c)) slug += char(std::tolower(c));
    else if (!slug.empty() && slug.back() != '-') slug += '-';
  }
  if (slug.ends_with('-')) slug.pop_back();
  return slug.empty() ? "article" : slug;
}

// The title's words, and a number where another article has them already.
std::string free_slug(aft::reader& db, std::string_view title, std::int64_t but = 0) {
  const auto wanted = slug_of(title);
  auto slug = wanted;
  for (int n = 2; db.find<int>("select 1 from article where slug = $1 and id <> $2", slug, but);) {
    slug = wanted + "-" + std::to_string(n++);
  }
  return slug;
}

void set_tags(aft::transaction& tx, std::int64_t id, const tag_list& tags) {
  tx.execute("delete from article_tag where article = $1", id);
  for (const auto& tag : tags) {
    tx.execute("insert into article_tag (article, tag) values ($1, $2) on conflict do nothing", id,
               tag);
  }
  tx.execute("update article set tag_list = $2 where id = $1", id, tags);
}

articles_answer list_all(aft::query<filters> f, maybe_viewer me, aft::reader& db) {
  aft::sql_text where("where true");
  if (f->tag) where.add("and id in (select article from article_tag where tag = $1)", *f->tag);
  if (f->author) {
    where.add("and author_id = (select id from account where username = $1)", *f->author);
  }
  if (f->favorited) {
    where.add(
        "and id in (select article from favorite f join account a on a.id = f.account "
        "where a.username = $1)",
        *f->favorited);
  }
  return list(db, {f->limit, f->offset}, me.id, where);
}

articles_answer list_feed(aft::query<paging> p, viewer me, aft::reader& db) {
  aft::sql_text where("where author_id in");
  where.add("(select followed from follow where follower = $1)", me.id);
  return list(db, *p, me.id, where);
}

article_answer read(const std::string& slug, maybe_viewer me, aft::reader& db) {
  return show(db, find_article(db, slug).id, me.id);
}

aft::status<201, article_answer> publish(aft::body<new_article_body> in, viewer me,
                                         aft::transaction& tx) {
  const auto& a = in->article;
  const auto id = tx.one<std::int64_t>(
      "insert into article (slug, author, title, description, body, tag_list, created_at, "
      "updated_at) values ($1, $2, $3, $4, $5, '[]', $6, $6) returning id",
      free_slug(tx, a.title), me.id, a.title, a.description, a.body, tx.now());
  set_tags(tx, id, a.tagList.value_or(tag_list()));
  aft::enqueue(tx, count_article{id});
  return {show(tx, id, me.id)};
}

article_answer change(const std::string& slug, aft::body<article_changes_body> in, viewer me,
                      aft::optional_if_match seen, aft::transaction& tx) {
  const auto id = find_own(tx, slug, me).id;
  seen.require(aft::etag_of(show(tx, id, me.id)));  // 412 if it has changed meanwhile
  const auto& c = in->article;
  const auto name = c.title ? free_slug(tx, *c.title, id) : slug;
  tx.execute(
      "update article set slug = $2, title = coalesce($3, title), updated_at = $4, "
      "description = coalesce($5, description), body = coalesce($6, body) where id = $1",
      id, name, c.title, tx.now(), c.description, c.body);
  if (c.tagList) set_tags(tx, id, **c.tagList);
  aft::enqueue(tx, count_article{id});
  return show(tx, id, me.id);
}

void erase(const std::string& slug, viewer me, aft::transaction& tx) {
  tx.execute("delete from article where id = $1", find_own(tx, slug, me).id);
}

article_answer like(const std::string& slug, viewer me, aft::transaction& tx) {
  const auto id = find_article(tx, slug).id;
  tx.execute("insert into favorite (account, article) values ($1, $2) on conflict do nothing",
             me.id, id);
  return show(tx, id, me.id);
}

article_answer unlike(const std::string& slug, viewer me, aft::transaction& tx) {
  const auto id = find_article(tx, slug).id;
  tx.execute("delete from favorite where account = $1 and article = $2", me.id, id);
  return show(tx, id, me.id);
}

tags_answer list_tags(aft::reader& db) {
  return {db.all<std::string>(
      "select tag from article_tag group by tag order by count(*) desc, tag limit 100")};
}

aft::line_stream take_along(viewer me, aft::reader& db) {
  return aft::json_lines(
      db.all<article_view>(select_views(me.id).add("where author_id = $1 order by id", me.id)));
}

std::int64_t minutes_to_read(std::string_view text) {
  constexpr std::int64_t words_per_minute = 200;
  return 1 + std::count(text.begin(), text.end(), ' ') / words_per_minute;
}

void count_words(count_article job, aft::transaction& tx) {
  const auto body = tx.find<std::string>("select body from article where id = $1", job.id);
  if (!body) return;  // deleted in the meantime
  tx.execute("update article set reading_minutes = $2 where id = $1", job.id,
             minutes_to_read(*body));
}

}  // namespace

void define_articles(aft::app& app) {
  auto api = app.group("/api", "Articles");
  const auto* none = "There is no such article.";
  const auto* others = "It is another's.";
  api.get("/articles", list_all).summary("Articles, the most recent first");
  api.get("/articles/feed", list_feed).summary("Articles of those the current user follows");
  api.get("/articles/{slug}", read).etag().summary("An article").answers(404, none);
  api.post("/articles", publish).summary("Publish an article");
  api.put("/articles/{slug}", change).summary("Change it").answers(403, others).answers(404, none);
  api.del("/articles/{slug}", erase).summary("Delete it").answers(403, others).answers(404, none);
  api.post("/articles/{slug}/favorite", like).summary("Mark as a favorite").answers(404, none);
  api.del("/articles/{slug}/favorite", unlike).summary("No longer a favorite").answers(404, none);
  api.get("/tags", list_tags).etag().summary("Tags, the most used first");
  api.get("/user/articles", take_along)
      .summary("All articles of the current user, one a line, to take along");
  app.job<count_article>(count_words);
}

}  // namespace conduit
