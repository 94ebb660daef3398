#include <cctype>

#include "viewer.hpp"

namespace conduit {

article_key find_article(aft::reader& db, const std::string& slug) {
  auto found = db.find<article_key>("select id, author from article where slug = $1", slug);
  if (!found) throw refuse(404, "article", "not found");
  return *found;
}

namespace {

using line = aft::text<1, 300>;
using tag_list = std::vector<aft::text<1, 50>>;

struct new_article {
  line title, description;
  aft::text<1, 100'000> body;
  std::optional<tag_list> tagList;
  static void rules(aft::rules<new_article>& r) { r(&new_article::tagList).length(0, 20); }
};
struct new_article_body {
  new_article article;
};

struct article_changes {
  std::optional<line> title, description;
  std::optional<aft::text<1, 100'000>> body;
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
struct articles_answer {
  std::vector<listed_article> articles;
  std::int64_t articlesCount;
};

struct paging {
  using limited = aft::bounded<int, 1, 100>;
  using skipped = aft::bounded<int, 0, 1'000'000>;
  limited limit{20};
  skipped offset{0};
};
struct filters {
  std::optional<std::string> tag{}, author{}, favorited{};
  paging::limited limit{20};
  paging::skipped offset{0};
};

article_key find_own(aft::reader& db, const std::string& slug, viewer me) {
  const auto key = find_article(db, slug);
  if (key.author != me.id) throw refuse(403, "article", "forbidden");
  return key;
}

article_answer show(aft::reader& db, std::int64_t id, std::int64_t viewer) {
  return {db.one<article_view>(
      "select *, exists (select 1 from favorite where account = $2 and article = v.id) as "
      "favorited, "
      "exists (select 1 from follow where follower = $2 and followed = v.author_id) "
      "as \"author.following\" from article_view v where id = $1",
      id, viewer)};
}

std::string slug_of(std::string_view title) {
  std::string slug;
  for (char c : title) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalnum(letter) || letter >= 0x80)
      slug += char(letter < 0x80 ? std::tolower(letter) : c);
    else if (!slug.empty() && slug.back() != '-') slug += '-';
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug.empty() ? "article" : slug;
}

// The title's words, and a number where another article has them already.
std::string free_slug(aft::reader& db, std::string_view title, std::int64_t but = 0) {
  const auto wanted = slug_of(title);
  auto slug = wanted;
  for (int n = 2; db.find<int>("select 1 from article where slug = $1 and id <> $2", slug, but);
       ++n) {
    slug = wanted + "-" + std::to_string(n);
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

// `follower`: articles of those that account follows alone.
articles_answer list(aft::reader& db, const filters& f, std::int64_t viewer,
                     std::optional<std::int64_t> follower = {}) {
  return {db.all<listed_article>(
              "select *, exists (select 1 from favorite where account = $1 and article = v.id) "
              "as favorited, exists (select 1 from follow where follower = $1 and followed = "
              "v.author_id) as \"author.following\" from article_view v "
              "where ($2 is null or id in (select article from article_tag where tag = $2)) "
              "and ($3 is null or author_id = (select id from account where username = $3)) "
              "and ($4 is null or id in (select article from favorite where account = "
              "(select id from account where username = $4))) "
              "and ($5 is null or author_id in (select followed from follow where follower = $5)) "
              "order by \"createdAt\" desc, id desc limit $6 offset $7",
              viewer, f.tag, f.author, f.favorited, follower, f.limit, f.offset),
          db.one<std::int64_t>(
              "select count(*) from article "
              "where ($1 is null or id in (select article from article_tag where tag = $1)) "
              "and ($2 is null or author = (select id from account where username = $2)) "
              "and ($3 is null or id in (select article from favorite where account = "
              "(select id from account where username = $3))) "
              "and ($4 is null or author in (select followed from follow where follower = $4))",
              f.tag, f.author, f.favorited, follower)};
}

// One article a line, as the client takes them.
aft::stream as_lines(std::vector<article_view> articles) {
  return aft::stream(
      [all = std::move(articles), at = std::size_t(0)](aft::buffer& out) mutable {
        for (; at < all.size() && out.size() < 32'768; ++at) {
          aft::json::write(out, &all[at], aft::type_of<article_view>());
          out.append('\n');
        }
        return at < all.size();
      },
      {.content_type = "application/x-ndjson"});
}

}  // namespace

void define_articles(aft::routes& api) {
  api.get("/articles", [](aft::query<filters> f, maybe_viewer me,
                          aft::reader& db) { return list(db, *f, me.id); })
      .summary("Articles, the most recent first");

  api.get("/articles/feed",
          [](aft::query<paging> p, viewer me, aft::reader& db) {
            return list(db, {.limit = p->limit, .offset = p->offset}, me.id, me.id);
          })
      .summary("Articles of those the current user follows");

  api.get("/articles/{slug}",
          [](const std::string& slug, maybe_viewer me, aft::reader& db) {
            return show(db, find_article(db, slug).id, me.id);
          })
      .etag()
      .summary("An article")
      .answers(404, "There is no such article.");

  api.post("/articles",
           [](aft::body<new_article_body> in, viewer me,
              aft::transaction& tx) -> aft::status<201, article_answer> {
             const auto& a = in->article;
             const auto id = tx.one<std::int64_t>(
                 "insert into article (slug, author, title, description, body, tag_list, "
                 "created_at, updated_at) "
                 "values ($1, $2, $3, $4, $5, '[]', $6, $6) returning id",
                 free_slug(tx, a.title), me.id, a.title, a.description, a.body, tx.now());
             set_tags(tx, id, a.tagList.value_or(tag_list()));
             aft::enqueue(tx, count_article{id});
             return {show(tx, id, me.id)};
           })
      .summary("Publish an article");

  api.put("/articles/{slug}",
          [](const std::string& slug, aft::body<article_changes_body> in, viewer me,
             aft::optional_if_match seen, aft::transaction& tx) {
            const auto id = find_own(tx, slug, me).id;
            seen.require(aft::etag_of(show(tx, id, me.id)));  // 412 if it has changed meanwhile
            auto& c = in->article;
            if (c.title) {
              tx.execute("update article set title = $2, slug = $3 where id = $1", id, *c.title,
                         free_slug(tx, *c.title, id));
            }
            tx.execute(
                "update article set description = coalesce($2, description), body = coalesce($3, "
                "body), "
                "updated_at = $4 where id = $1",
                id, c.description, c.body, tx.now());
            if (c.tagList) set_tags(tx, id, **c.tagList);
            aft::enqueue(tx, count_article{id});
            return show(tx, id, me.id);
          })
      .summary("Change an article")
      .answers(403, "It is another's.")
      .answers(404, "There is none.");

  api.del("/articles/{slug}",
          [](const std::string& slug, viewer me, aft::transaction& tx) {
            tx.execute("delete from article where id = $1", find_own(tx, slug, me).id);
          })
      .summary("Delete an article")
      .answers(403, "It is another's.")
      .answers(404, "There is none.");

  api.post("/articles/{slug}/favorite",
           [](const std::string& slug, viewer me, aft::transaction& tx) {
             const auto id = find_article(tx, slug).id;
             tx.execute(
                 "insert into favorite (account, article) values ($1, $2) on conflict do nothing",
                 me.id, id);
             return show(tx, id, me.id);
           })
      .summary("Mark as a favorite")
      .answers(404, "There is no such article.");

  api.del("/articles/{slug}/favorite",
          [](const std::string& slug, viewer me, aft::transaction& tx) {
            const auto id = find_article(tx, slug).id;
            tx.execute("delete from favorite where account = $1 and article = $2", me.id, id);
            return show(tx, id, me.id);
          })
      .summary("No longer a favorite")
      .answers(404, "There is no such article.");

  struct tags_answer {
    std::vector<std::string> tags;
  };
  api.get("/tags",
          [](aft::reader& db) -> tags_answer {
            return {db.all<std::string>(
                "select t.tag from article_tag t left join tag c on c.name = t.tag "
                "group by t.tag order by max(coalesce(c.articles, 0)) desc, t.tag limit 100")};
          })
      .etag()
      .summary("Tags, the most used first");

  api.get("/user/articles",
          [](viewer me, aft::reader& db) {
            return as_lines(db.all<article_view>(
                "select *, false as favorited, false as \"author.following\" from article_view "
                "where author_id = $1 order by id",
                me.id));
          })
      .summary("All articles of the current user, one a line, to take along")
      .content_type("application/x-ndjson");
}

}  // namespace conduit
