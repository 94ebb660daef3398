// The RealWorld API as its documents describe it, without a socket.

#include "conduit.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

#include "../temporary_file.hpp"
#include "../test_database.hpp"

namespace {

struct user_view {
  std::string email, token, username;
  std::optional<std::string> bio, image;
};
struct user_answer {
  user_view user;
};
struct author_view {
  std::string username;
  std::optional<std::string> bio, image;
  bool following;
};
struct profile_answer {
  author_view profile;
};
struct article_view {
  std::string slug, title, description;
  std::optional<std::string> body;
  std::vector<std::string> tagList;
  aft::time_point createdAt, updatedAt;
  bool favorited;
  int favoritesCount;
  author_view author;
};
struct article_answer {
  article_view article;
};
struct articles_answer {
  std::vector<article_view> articles;
  int articlesCount;
};
struct tags_answer {
  std::vector<std::string> tags;
};

struct site {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  conduit::keys keys;
  aft::mail_sink letters;
  aft::app app;
  explicit site(const std::string& file = new_database()) : app(options(file)) {
    conduit::define(app, keys);
    conduit::define_digest(app);
  }
  aft::app_options options(const std::string& file) {
    auto o = conduit::options();
    o.database = file;
    o.log = {};
    o.time = &time;
    o.mail = {.from = {"conduit@example.org", "Conduit"}, .sink = &letters};
    return o;
  }

  aft::test_response ask(const std::string& method, const std::string& path,
                         const std::string& body = {}, const std::string& token = {}) {
    aft::test_request r{method, "/api" + path, {}, body};
    if (!body.empty()) r.headers.emplace_back("Content-Type", "application/json");
    if (!token.empty()) r.headers.emplace_back("Authorization", "Token " + token);
    return app.handle(r);
  }
  // The status and the errors: "422 {...}".
  std::string refused(const std::string& method, const std::string& path,
                      const std::string& body = {}, const std::string& token = {}) {
    const auto r = ask(method, path, body, token);
    return std::to_string(r.status) + " " + r.body;
  }
  template <class T>
  T get(const std::string& path, const std::string& token = {}) {
    return read<T>(ask("GET", path, {}, token), 200);
  }
  template <class T>
  T read(const aft::test_response& r, int status) {
    CAPTURE(r.body);
    REQUIRE(r.status == status);
    auto value = aft::json::read<T>(r.body);
    if (!value) FAIL(std::string(value.reason()[0].pointer + " " + value.reason()[0].detail));
    return *std::move(value);
  }
  std::string sign_up(const std::string& name) {
    const auto body = R"({"user":{"username":")" + name + R"(","email":")" + name +
                      R"(@example.org","password":"secret-)" + name + R"("}})";
    return read<user_answer>(ask("POST", "/users", body), 201).user.token;
  }
  article_view publish(const std::string& token, const std::string& title,
                       const std::string& tags = "[]") {
    const auto body = R"({"article":{"title":")" + title +
                      R"(","description":"d","body":"some words","tagList":)" + tags + "}}";
    time.advance(aft::seconds(1));
    return read<article_answer>(ask("POST", "/articles", body, token), 201).article;
  }
};

}  // namespace

TEST_CASE_FIXTURE(site, "register, log in, and be known by the token") {
  const auto token = sign_up("ines");
  const auto me = get<user_answer>("/user", token).user;
  CHECK(me.username == "ines");
  CHECK(me.email == "ines@example.org");
  CHECK(!me.bio);
  CHECK(!me.image);
  const auto again =
      read<user_answer>(ask("POST", "/users/login",
                            R"({"user":{"email":"ines@example.org","password":"secret-ines"}})"),
                        200);
  CHECK(get<user_answer>("/user", again.user.token).user.username == "ines");
}

TEST_CASE_FIXTURE(site, "a password is stored as its hash alone") {
  sign_up("ines");
  app.db().read([](aft::reader& db) {
    CHECK(db.one<std::string>("select password from account").starts_with("$argon2id$"));
  });
}

TEST_CASE_FIXTURE(site, "registrations that cannot be are refused, field by field") {
  sign_up("ines");
  CHECK(refused("POST", "/users", R"({"user":{"username":"","email":"nobody","password":""}})") ==
        R"(422 {"errors":{"email":["must be an e-mail address"],"password":["can't be blank"],)"
        R"("username":["can't be blank"]}})");
  CHECK(refused("POST", "/users", R"({"user":{"username":"x"}})") ==
        R"(422 {"errors":{"email":["can't be blank"],"password":["can't be blank"]}})");
  CHECK(refused("POST", "/users",
                R"({"user":{"username":"ines","email":"o@example.org","password":"x"}})") ==
        R"(422 {"errors":{"username":["has already been taken"]}})");
  CHECK(refused("POST", "/users",
                R"({"user":{"username":"o","email":"ines@example.org","password":"x"}})") ==
        R"(422 {"errors":{"email":["has already been taken"]}})");
}

TEST_CASE_FIXTURE(site, "a wrong password and an unknown address are told apart by nobody") {
  sign_up("ines");
  const auto wrong = R"(401 {"errors":{"credentials":["invalid"]}})";
  CHECK(refused("POST", "/users/login",
                R"({"user":{"email":"ines@example.org","password":"guess"}})") == wrong);
  CHECK(refused("POST", "/users/login",
                R"({"user":{"email":"who@example.org","password":"guess"}})") == wrong);
}

TEST_CASE_FIXTURE(site, "what needs a user needs a valid token") {
  const auto token = sign_up("ines");
  CHECK(refused("GET", "/user") == R"(401 {"errors":{"token":["is missing"]}})");
  CHECK(refused("GET", "/user", {}, token + "x") == R"(401 {"errors":{"token":["is invalid"]}})");
  time.advance(aft::days(61));
  CHECK(refused("GET", "/user", {}, token).starts_with("401"));
  struct row {
    const char *method, *path;
  };
  for (const auto& r : {row{"PUT", "/user"},
                        {"POST", "/articles"},
                        {"GET", "/articles/feed"},
                        {"POST", "/profiles/ines/follow"},
                        {"DELETE", "/articles/x"},
                        {"POST", "/articles/x/favorite"}}) {
    CAPTURE(r.path);
    CHECK(ask(r.method, r.path).status == 401);  // before anything of the request is looked at
  }
}

TEST_CASE_FIXTURE(site, "a user changes what is given, and nothing else") {
  const auto token = sign_up("ines");
  sign_up("rui");
  auto changed = read<user_answer>(
      ask("PUT", "/user", R"({"user":{"bio":"hi","image":"https://a.example/i.png","token":"x"}})",
          token),
      200);
  CHECK(changed.user.bio == "hi");
  CHECK(changed.user.username == "ines");
  changed = read<user_answer>(
      ask("PUT", "/user", R"({"user":{"bio":null,"image":"","password":"another one"}})", token),
      200);
  CHECK(!changed.user.bio);
  CHECK(!changed.user.image);
  CHECK(ask("POST", "/users/login",
            R"({"user":{"email":"ines@example.org","password":"another one"}})")
            .status == 200);
  CHECK(refused("PUT", "/user", R"({"user":{"username":"rui"}})", token) ==
        R"(422 {"errors":{"username":["has already been taken"]}})");
  CHECK(refused("PUT", "/user", R"({"user":{"email":null}})", token) ==
        R"(422 {"errors":{"email":["can't be blank"]}})");
  CHECK(refused("PUT", "/user", R"({"user":{"username":""}})", token).starts_with("422"));
}

TEST_CASE_FIXTURE(site, "profiles can be followed") {
  const auto token = sign_up("ines");
  sign_up("rui");
  CHECK(!get<profile_answer>("/profiles/rui").profile.following);
  CHECK(
      read<profile_answer>(ask("POST", "/profiles/rui/follow", {}, token), 200).profile.following);
  CHECK(
      read<profile_answer>(ask("POST", "/profiles/rui/follow", {}, token), 200).profile.following);
  CHECK(get<profile_answer>("/profiles/rui", token).profile.following);
  CHECK(!read<profile_answer>(ask("DELETE", "/profiles/rui/follow", {}, token), 200)
             .profile.following);
  CHECK(refused("GET", "/profiles/nobody") == R"(404 {"errors":{"profile":["not found"]}})");
  CHECK(refused("POST", "/profiles/nobody/follow", {}, token).starts_with("404"));
}

TEST_CASE_FIXTURE(site, "an article is published, read, changed and deleted") {
  const auto token = sign_up("ines"), other = sign_up("rui");
  const auto a = publish(token, "How to train: your Dragon!", R"(["dragons","a"])");
  CHECK(a.slug == "how-to-train-your-dragon");
  CHECK(a.tagList == std::vector<std::string>{"dragons", "a"});
  CHECK(a.body == "some words");
  CHECK(a.createdAt == time.now());
  CHECK(a.author.username == "ines");
  CHECK(publish(token, "How to train your dragon").slug == "how-to-train-your-dragon-2");

  const auto path = "/articles/" + a.slug;
  CHECK(get<article_answer>(path).article.title == a.title);
  time.advance(aft::hours(1));
  auto b =
      read<article_answer>(ask("PUT", path, R"({"article":{"body":"new"}})", token), 200).article;
  CHECK(b.slug == a.slug);
  CHECK(b.body == "new");
  CHECK(b.description == "d");
  CHECK(b.tagList == a.tagList);
  CHECK(b.updatedAt == time.now());
  CHECK(b.createdAt == a.createdAt);
  b = read<article_answer>(
          ask("PUT", path, R"({"article":{"title":"Another","tagList":[]}})", token), 200)
          .article;
  CHECK(b.slug == "another");
  CHECK(b.tagList.empty());
  CHECK(refused("GET", path) == R"(404 {"errors":{"article":["not found"]}})");

  CHECK(refused("PUT", "/articles/another", R"({"article":{"body":"x"}})", other) ==
        R"(403 {"errors":{"article":["forbidden"]}})");
  CHECK(ask("DELETE", "/articles/another", {}, other).status == 403);
  CHECK(ask("DELETE", "/articles/another", {}, token).status == 204);
  CHECK(ask("DELETE", "/articles/another", {}, token).status == 404);
}

TEST_CASE_FIXTURE(site, "articles that cannot be are refused, field by field") {
  const auto token = sign_up("ines");
  CHECK(refused("POST", "/articles", R"({"article":{"title":"","tagList":[1]}})", token) ==
        R"(422 {"errors":{"0":["must be a string, not a number"],"body":["can't be blank"],)"
        R"("description":["can't be blank"],"title":["can't be blank"]}})");
  CHECK(ask("POST", "/articles", "{", token).status == 422);
  publish(token, "x");
  CHECK(ask("PUT", "/articles/x", R"({"article":{"tagList":null}})", token).status == 422);
}

TEST_CASE_FIXTURE(site, "articles are listed, the most recent first, without their bodies") {
  const auto ines = sign_up("ines"), rui = sign_up("rui");
  publish(ines, "one", R"(["a"])");
  publish(rui, "two", R"(["a","b"])");
  publish(ines, "three");
  auto titles = [&](const std::string& query, const std::string& token = {}) {
    const auto list = get<articles_answer>(query, token);
    std::string text;
    for (const auto& a : list.articles) {
      CHECK(!a.body);
      text += a.title + " ";
    }
    return text + std::to_string(list.articlesCount);
  };
  CHECK(titles("/articles") == "three two one 3");
  CHECK(titles("/articles?tag=a") == "two one 2");
  CHECK(titles("/articles?author=ines") == "three one 2");
  CHECK(titles("/articles?limit=1&offset=1") == "two 3");
  CHECK(titles("/articles?author=nobody") == "0");
  ask("POST", "/articles/two/favorite", {}, ines);
  CHECK(titles("/articles?favorited=ines") == "two 1");
  CHECK(titles("/articles/feed", ines) == "0");
  ask("POST", "/profiles/rui/follow", {}, ines);
  CHECK(titles("/articles/feed", ines) == "two 1");
  CHECK(get<articles_answer>("/articles?tag=b", ines).articles[0].author.following);
  CHECK(ask("GET", "/articles?limit=0").status == 422);
  CHECK(ask("GET", "/articles?nothing=1").status == 422);
}

TEST_CASE_FIXTURE(site, "favorites are counted") {
  const auto ines = sign_up("ines"), rui = sign_up("rui");
  publish(ines, "one");
  ask("POST", "/articles/one/favorite", {}, ines);
  ask("POST", "/articles/one/favorite", {}, ines);
  auto a = read<article_answer>(ask("POST", "/articles/one/favorite", {}, rui), 200).article;
  CHECK(a.favorited);
  CHECK(a.favoritesCount == 2);
  a = read<article_answer>(ask("DELETE", "/articles/one/favorite", {}, rui), 200).article;
  CHECK(!a.favorited);
  CHECK(a.favoritesCount == 1);
}

TEST_CASE_FIXTURE(site, "comments belong to their article and author") {
  const auto ines = sign_up("ines"), rui = sign_up("rui");
  publish(ines, "one");
  publish(ines, "two");
  CHECK(ask("POST", "/articles/one/comments", R"({"comment":{"body":"first"}})", rui).status ==
        200);
  const auto list = ask("GET", "/articles/one/comments").body;
  CHECK(list.find("\"body\":\"first\"") != list.npos);
  CHECK(refused("DELETE", "/articles/one/comments/1", {}, ines) ==
        R"(403 {"errors":{"comment":["forbidden"]}})");
  CHECK(refused("DELETE", "/articles/two/comments/1", {}, rui) ==
        R"(404 {"errors":{"comment":["not found"]}})");
  CHECK(refused("DELETE", "/articles/none/comments/1", {}, rui) ==
        R"(404 {"errors":{"article":["not found"]}})");
  CHECK(ask("DELETE", "/articles/one/comments/1", {}, rui).status == 204);
  CHECK(ask("GET", "/articles/one/comments").body == R"({"comments":[]})");
  CHECK(ask("POST", "/articles/one/comments", R"({"comment":{"body":""}})", rui).status == 422);
}

TEST_CASE_FIXTURE(site, "a job counts the words of what is published, and tags go by their use") {
  const auto token = sign_up("ines");
  publish(token, "one", R"(["b"])");
  publish(token, "two", R"(["b","a"])");
  CHECK(app.run_due_jobs() == 2);
  app.db().read([](aft::reader& db) {
    CHECK(db.all<int>("select reading_minutes from article") == std::vector<int>{1, 1});
  });
  CHECK(get<tags_answer>("/tags").tags == std::vector<std::string>{"b", "a"});
}

TEST_CASE_FIXTURE(site, "on Mondays readers are told by mail what those they follow wrote") {
  const auto token = sign_up("ines");
  ask("POST", "/profiles/ines/follow", {}, sign_up("rui"));
  publish(token, "one");
  publish(token, "two");
  app.run_due_jobs();
  CHECK(letters.take().empty());
  time.advance(aft::days(2));  // it was a Saturday
  CHECK(app.run_due_jobs() == 3);
  const auto told = letters.take();
  REQUIRE(told.size() == 1);
  CHECK(told[0].to == "rui@example.org");
  CHECK(told[0].mail.text.ends_with("week:\n\n- two, by ines\n- one, by ines\n"));
  time.advance(aft::days(7));
  app.run_due_jobs();
  CHECK(letters.take().empty());  // nothing new
}

TEST_CASE_FIXTURE(site, "who need not be known may be, but not by a token that is none") {
  const auto token = sign_up("ines");
  publish(sign_up("rui"), "one");
  ask("POST", "/profiles/rui/follow", {}, token);
  for (const auto* path : {"/articles", "/articles/one", "/profiles/rui"}) {
    CAPTURE(path);
    CHECK(ask("GET", path).body.find("\"following\":false") != std::string::npos);
    CHECK(ask("GET", path, {}, token).body.find("\"following\":true") != std::string::npos);
    CHECK(refused("GET", path, {}, "x") == R"(401 {"errors":{"token":["is invalid"]}})");
  }
  CHECK(ask("GET", "/articles/one/comments", {}, "x").status == 401);
}

TEST_CASE_FIXTURE(site, "pages of articles follow each other without gap or double") {
  const auto token = sign_up("ines");
  for (int i = 0; i < 23; ++i) publish(token, "same title");
  std::vector<std::string> slugs;
  for (int offset = 0; offset < 30; offset += 5) {
    const auto page = get<articles_answer>("/articles?limit=5&offset=" + std::to_string(offset));
    CHECK(page.articlesCount == 23);
    for (const auto& a : page.articles) slugs.push_back(a.slug);
  }
  REQUIRE(slugs.size() == 23);
  CHECK(slugs.front() == "same-title-23");
  CHECK(slugs.back() == "same-title");
  CHECK(get<articles_answer>("/articles").articles.size() == 20);
  CHECK(get<articles_answer>("/articles?limit=100").articles.size() == 23);
}

TEST_CASE_FIXTURE(site, "an article that is known is not sent again, and not overwritten unseen") {
  const auto token = sign_up("ines");
  publish(token, "one");
  aft::test_request read{"GET", "/api/articles/one", {{"Authorization", "Token " + token}}, {}};
  const auto first = app.handle(read);
  REQUIRE(first.header("ETag"));
  const std::string tag(*first.header("ETag"));
  read.headers.emplace_back("If-None-Match", tag);
  CHECK(app.handle(read).status == 304);

  aft::test_request change{"PUT",
                           "/api/articles/one",
                           {{"Authorization", "Token " + token},
                            {"Content-Type", "application/json"},
                            {"If-Match", tag}},
                           R"({"article":{"body":"second"}})"};
  CHECK(app.handle(change).status == 200);
  CHECK(app.handle(change).status == 412);
  CHECK(get<article_answer>("/articles/one").article.body == "second");
}

TEST_CASE_FIXTURE(site, "authors take their articles along") {
  const auto token = sign_up("ines"), other = sign_up("rui");
  publish(token, "one");
  publish(other, "not mine");
  publish(token, "two");
  const auto all = ask("GET", "/user/articles", {}, token);
  CHECK(all.header("Content-Type") == "application/x-ndjson");
  std::vector<std::string> titles;
  for (std::size_t at = 0; at < all.body.size();) {
    const auto end = all.body.find('\n', at);
    const auto article = aft::json::read<article_view>(all.body.substr(at, end - at));
    REQUIRE(article);
    titles.push_back(article->title);
    at = end + 1;
  }
  CHECK(titles == std::vector<std::string>{"one", "two"});
  CHECK(ask("GET", "/user/articles").status == 401);
}

TEST_CASE_FIXTURE(site, "who looks on is told of a comment once it is stored") {
  const auto token = sign_up("ines");
  publish(token, "one");
  const auto look = [this](const std::string& seen) {
    return app.handle({"GET", "/api/comments/live", {{"Last-Event-ID", seen}}, {}});
  };
  const auto start = look("nothing").body;
  const auto id = start.find("id: ") + 4;
  const auto seen = start.substr(id, start.find('\n', id) - id);
  ask("POST", "/articles/one/comments", R"({"comment":{"body":"first"}})", token);
  CHECK(look(seen).body.find("first") == std::string::npos);
  app.run_due_jobs();
  const auto told = look(seen);
  CHECK(told.header("Content-Type") == "text/event-stream");
  CHECK(told.body.find("event: comment\n") != std::string::npos);
  CHECK(told.body.find(R"(data: {"slug":"one","comment":{"id":1,)") != std::string::npos);
  CHECK(told.body.find(R"("body":"first")") != std::string::npos);
}

TEST_CASE_FIXTURE(site, "pages of any origin may call") {
  const auto answer = app.handle({"GET", "/api/tags", {{"Origin", "https://app.example"}}, {}});
  CHECK(answer.header("Access-Control-Allow-Origin") == "https://app.example");
  const auto before =
      app.handle({"OPTIONS",
                  "/api/articles",
                  {{"Origin", "https://app.example"},
                   {"Access-Control-Request-Method", "POST"},
                   {"Access-Control-Request-Headers", "authorization,content-type"}},
                  {}});
  CHECK(before.status == 204);
  CHECK(before.header("Access-Control-Allow-Headers") == "Authorization, Content-Type");
}

TEST_CASE("all of it survives a restart, tokens too") {
  temporary_folder folder;
  const auto file = new_database(folder / "conduit.db");
  std::string token;
  {
    site s(file);
    token = s.sign_up("ines");
    s.publish(token, "one");
  }
  site s(file);
  CHECK(s.get<user_answer>("/user", token).user.username == "ines");
  CHECK(s.get<article_answer>("/articles/one").article.title == "one");
  s.time.advance(aft::days(1));
  CHECK(s.app.run_due_jobs() == 1);  // what was left to do
}

TEST_CASE_FIXTURE(site, "the document names every route of the API") {
  const auto text = app.openapi(conduit::about());
  CHECK(aft::json::valid(text));
  for (auto* path :
       {"/api/users", "/api/users/login", "/api/user", "/api/profiles/{username}",
        "/api/profiles/{username}/follow", "/api/articles", "/api/articles/feed",
        "/api/articles/{slug}", "/api/articles/{slug}/comments",
        "/api/articles/{slug}/comments/{id}", "/api/articles/{slug}/favorite", "/api/tags"}) {
    CAPTURE(path);
    CHECK(text.find("\"" + std::string(path) + "\":{") != text.npos);
  }
  CHECK(app.handle({.target = "/docs"}).status == 200);
}

// Written anew by AFT_WRITE_DOCUMENTS=1 build/dev/tests/conduit_test.
TEST_CASE_FIXTURE(site, "the document of the schema is that of the schema") {
  if (on_postgres()) return;  // it has other types
  const auto now = aft::schema_document(app.db());
  if (std::getenv("AFT_WRITE_DOCUMENTS")) std::ofstream(AFT_CONDUIT "/schema.md") << now;
  CHECK(aft::stale_document(AFT_CONDUIT "/schema.md", now) == "");
}

TEST_CASE_FIXTURE(site, "the schema holds no surprises, and is that of the migrations") {
  for (const auto engine : {aft::dialect::sqlite, aft::dialect::postgres}) {
    for (const auto& w : aft::lint_migrations(app.migrations(), engine)) {
      FAIL_CHECK(w.migration << ':' << w.line << ": " << w.danger << ' ' << w.remedy);
    }
  }
  CHECK(aft::schema_drift(app.db()) == "");
  std::string lines;  // those that a backup may have
  for (const auto& known : app.all_migrations()) lines += known.line + ' ';
  CHECK(lines.starts_with("aft "));
  CHECK(lines.ends_with(" host "));
  CHECK(app.all_migrations().back().steps.size() == app.migrations().size());
}

TEST_CASE("conduit moves from SQLite to PostgreSQL, and goes on") {
  if (!on_postgres()) return;
  temporary_folder folder;
  const auto url = postgres_server::shared().new_url();
  std::string token;
  article_view old_article;
  {
    site old(folder / "conduit.db");
    token = old.sign_up("ines");
    const auto reader = old.sign_up("otto");
    for (int i = 0; i < 30; ++i) {
      old.publish(token, "Old words " + std::to_string(i), R"(["moved","dragons"])");
    }
    old_article = old.publish(token, "Zebras", R"(["zoo"])");
    old.ask("POST", "/articles/" + old_article.slug + "/favorite", {}, reader);
    old.ask("POST", "/articles/" + old_article.slug + "/comments",
            R"({"comment":{"body":"still here?"}})", reader);
    old.ask("POST", "/profiles/ines/follow", {}, reader);  // jobs wait, too: none was run yet
    const auto m = old.app.move_to(url);
    for (const auto& t : m.tables) {
      if (t.table == "article") CHECK(t.rows == 31);
      if (t.table == "aft_job") CHECK(t.rows == 32);
    }
    CHECK(m.left_out.empty());
  }
  site now(url);
  now.time.advance(aft::hours(1));
  CHECK(now.get<user_answer>("/user", token).user.username ==
        "ines");  // the key that signs it, too
  const auto again = now.read<user_answer>(
      now.ask("POST", "/users/login",
              R"({"user":{"email":"otto@example.org","password":"secret-otto"}})"),
      200);
  const auto found =
      now.get<article_answer>("/articles/" + old_article.slug, again.user.token).article;
  CHECK(found.title == old_article.title);
  CHECK(found.tagList == old_article.tagList);
  CHECK(found.createdAt == old_article.createdAt);
  CHECK(found.favorited);
  CHECK(found.author.following);
  CHECK(now.get<articles_answer>("/articles?tag=dragons").articlesCount == 30);
  CHECK(now.app.run_due_jobs() == 32);
  now.publish(token, "New words");
  now.app.db().read([](aft::reader& r) {
    CHECK(r.one<std::int64_t>("select max(id) from article") == 32);
    CHECK(r.one<std::int64_t>("select count(*) from article where reading_minutes > 0") == 31);
  });
}

TEST_CASE("conduit does not start on a database that it was half moved to") {
  if (!on_postgres()) return;
  temporary_folder folder;
  const auto url = postgres_server::shared().new_url();
  site old(folder / "conduit.db");
  old.sign_up("ines");
  struct stopped {};
  CHECK_THROWS_AS(
      old.app.move_to(url, {.copied = [](const aft::moved_table&) { throw stopped(); }}), stopped);
  {
    site now(url);
    CHECK_THROWS_WITH_AS(now.app.prepare(), doctest::Contains("are being moved to this database"),
                         aft::configuration_error);
  }
  old.app.move_to(url);
  site now(url);
  CHECK(now.get<tags_answer>("/tags").tags.empty());
}
