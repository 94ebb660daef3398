#include <aft/http/files.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include <aft/app.hpp>

#include <web.hpp>

#include "../temporary_file.hpp"

namespace {

constexpr aft::embedded_file in_program[] = {
    {"index.html", "<p>embedded", "\"1\""},
    {"app.js", "let x", "\"2\""},
    {"app.js.gz", "zipped", "\"3\""},
    {"docs/index.html", "<p>docs", "\"4\""},
};

struct site : aft::app {
  temporary_folder folder;
  site(aft::file_options options = {}) {
    write("www/index.html", "<h1>root");
    write("www/a b.txt", "0123456789");
    write("www/docs/index.html", "<h1>docs");
    write("www/empty/x.css", "");
    write("www/.env", "secret");
    write("www/.well-known/security.txt", "contact");
    write("www/big.bin", std::string(300'000, 'b'));
    write("outside.txt", "outside");
    std::filesystem::create_symlink("../outside.txt", folder / "www/out.txt");
    std::filesystem::create_symlink("a b.txt", folder / "www/in.txt");
    std::filesystem::create_symlink("..", folder / "www/up");
    ::mkfifo((folder / "www/fifo").c_str(), 0600);
    files("/static", folder / "www", std::move(options));
    get("/report", [this] {
      return aft::file(folder / "outside.txt").download_as("r\xc3\xa9port \"1\".txt").cached("");
    });
    get("/odd", [this] {
      return aft::file(folder / "outside.txt").type("text/html\r\nSet-Cookie: evil=1");
    });
    get("/gone", [this] { return aft::file(folder / "nowhere"); });
  }
  void write(const std::string& name, const std::string& text) {
    const std::filesystem::path path(folder / name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    // Long ago, so that a variant made later is up to date.
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  }
  using headers = std::vector<std::pair<std::string, std::string>>;
  aft::test_response ask(const std::string& target, headers lines = {},
                         const char* method = "GET") {
    return handle({method, target, std::move(lines), {}});
  }
  std::string get_text(const std::string& target, headers lines = {}) {
    const auto r = ask(target, std::move(lines));
    if (r.status == 308) return "308 " + std::string(*r.header("Location"));
    return r.status == 200 ? r.body : std::to_string(r.status);
  }
};

}  // namespace

TEST_CASE("files are served by their names, directories by their index") {
  site s;
  CHECK(s.get_text("/static/a%20b.txt") == "0123456789");
  CHECK(s.get_text("/static/") == "<h1>root");
  CHECK(s.get_text("/static?x=1") == "308 /static/?x=1");
  CHECK(s.get_text("/static/docs") == "308 /static/docs/");
  CHECK(s.get_text("/static/docs/") == "<h1>docs");
  CHECK(s.get_text("/static/empty/") == "404");
  CHECK(s.get_text("/static/empty/x.css") == "");
  CHECK(s.get_text("/static/nothing") == "404");
  CHECK(s.get_text("/static/a%20b.txt/") == "404");
  CHECK(s.get_text("/static/.well-known/security.txt") == "contact");
  const auto page = s.ask("/static/");
  CHECK(page.header("Content-Type") == "text/html; charset=utf-8");
  CHECK(page.header("Content-Security-Policy"));
  CHECK(page.header("Cache-Control") == "no-cache");
  const auto head = s.ask("/static/big.bin", {}, "HEAD");
  CHECK(head.header("Content-Length") == "300000");
  CHECK(head.body.empty());
  CHECK(s.ask("/static/big.bin").body == std::string(300'000, 'b'));
  CHECK(s.ask("/static/", {}, "POST").status == 405);
}

TEST_CASE("nothing is read from outside of the directory") {
  site s;
  for (const char* path :
       {"/static/../outside.txt", "/static/%2e%2e/outside.txt", "/static/..%2foutside.txt",
        "/static/docs/../../outside.txt", "/static/out.txt", "/static/up/outside.txt",
        "/static/.env", "/static/fifo", "/static/%00", "/static//etc/passwd",
        "/static/a%20b.txt%00.html", "/static/..\\outside.txt", "/static/up", "/static/up/"}) {
    CAPTURE(path);
    const auto r = s.ask(path);
    CHECK(r.status >= 400);
    CHECK(r.body.find("outside\"") == std::string::npos);
  }
  CHECK(s.get_text("/static/in.txt") == "0123456789");  // a link that stays inside
  site all({.dot_files = true});
  CHECK(all.get_text("/static/.env") == "secret");
}

TEST_CASE("ranges are sent as they were asked for") {
  site s;
  const auto range = [&](const char* value) {
    return s.ask("/static/a%20b.txt", {{"Range", value}});
  };
  const auto part = range("bytes=2-4");
  CHECK(part.status == 206);
  CHECK(part.body == "234");
  CHECK(part.header("Content-Range") == "bytes 2-4/10");
  CHECK(range("bytes=-3").body == "789");
  CHECK(range("bytes=7-").body == "789");
  CHECK(range("bytes=4-2").status == 200);
  CHECK(range("lines=1-2").status == 200);
  const auto beyond = range("bytes=10-");
  CHECK(beyond.status == 416);
  CHECK(beyond.header("Content-Range") == "bytes */10");
  const auto several = range("bytes=0-1,8-9");
  CHECK(several.status == 206);
  const auto boundary = several.header("Content-Type")->substr(31);
  const auto piece = [&](const char* where, const char* bytes) {
    return "--" + std::string(boundary) + "\r\nContent-Type: text/plain; charset=utf-8\r\n" +
           "Content-Range: bytes " + where + "/10\r\n\r\n" + bytes + "\r\n";
  };
  CHECK(several.body ==
        piece("0-1", "01") + piece("8-9", "89") + "--" + std::string(boundary) + "--\r\n");
  const auto large = s.ask("/static/big.bin", {{"Range", "bytes=100000-299999"}});
  CHECK(large.body.size() == 200'000);
  const auto etag = std::string(*large.header("ETag"));
  CHECK(s.ask("/static/big.bin", {{"Range", "bytes=0-1"}, {"If-Range", etag}}).status == 206);
  CHECK(s.ask("/static/big.bin", {{"Range", "bytes=0-1"}, {"If-Range", "\"x\""}}).status == 200);
}

TEST_CASE("what a client has already is not sent again") {
  site s;
  const auto first = s.ask("/static/a%20b.txt");
  const std::string etag(*first.header("ETag")), date(*first.header("Last-Modified"));
  const auto again = s.ask("/static/a%20b.txt", {{"If-None-Match", etag}});
  CHECK(again.status == 304);
  CHECK(again.body.empty());
  CHECK(again.header("ETag") == etag);
  CHECK(s.ask("/static/a%20b.txt", {{"If-Modified-Since", date}}).status == 304);
  CHECK(s.ask("/static/a%20b.txt", {{"If-None-Match", "\"x\""}, {"If-Modified-Since", date}})
            .status == 200);
  CHECK(s.ask("/static/a%20b.txt", {{"If-Match", "\"x\""}}).status == 412);
  s.write("www/a b.txt", "changed");
  CHECK(s.ask("/static/a%20b.txt", {{"If-None-Match", etag}}).body == "changed");
}

TEST_CASE("a compressed sibling goes to those who take it, while it is up to date") {
  site s;
  s.write("www/app.js", "let x = 1");
  CHECK(!s.ask("/static/app.js", {{"Accept-Encoding", "gzip"}}).header("Vary"));
  s.write("www/app.js.gz", "zipped");
  s.write("www/app.js.br", "brotli");
  s.write("www/app.js.zst", "standard");
  const auto got = s.ask("/static/app.js", {{"Accept-Encoding", "gzip, br"}});
  CHECK(got.body == "brotli");
  CHECK(got.header("Content-Encoding") == "br");
  CHECK(got.header("Content-Type")->starts_with("text/javascript"));
  CHECK(got.header("Vary") == "Accept-Encoding");
  const auto plain = s.ask("/static/app.js");
  CHECK(plain.body == "let x = 1");
  CHECK(plain.header("Vary") == "Accept-Encoding");
  CHECK(plain.header("ETag") != got.header("ETag"));
  CHECK(s.ask("/static/app.js", {{"Accept-Encoding", "br;q=0, gzip;q=0.1"}}).body == "zipped");
  const auto standard = s.ask("/static/app.js", {{"Accept-Encoding", "zstd, gzip"}});
  CHECK(standard.body == "standard");
  CHECK(standard.header("Content-Encoding") == "zstd");
  const auto beyond = s.ask("/static/app.js", {{"Accept-Encoding", "br"}, {"Range", "bytes=99-"}});
  CHECK(beyond.status == 416);
  CHECK(!beyond.header("Content-Encoding"));
  CHECK(!beyond.header("ETag"));
  std::filesystem::last_write_time(s.folder / "www/app.js",
                                   std::filesystem::file_time_type::clock::now());
  CHECK(s.ask("/static/app.js", {{"Accept-Encoding", "gzip, br"}}).body == "let x = 1");
}

TEST_CASE("a single page takes the paths that are no files") {
  site s({.single_page = true});
  CHECK(s.get_text("/static/article/some-slug") == "<h1>root");
  CHECK(s.get_text("/static/article/") == "<h1>root");
  CHECK(s.get_text("/static/missing.js") == "404");
  CHECK(s.get_text("/static/docs/") == "<h1>docs");
  CHECK(s.get_text("/static/out.txt") == "404");
}

TEST_CASE("a handler may answer with a file") {
  site s;
  const auto got = s.ask("/report");
  CHECK(got.body == "outside");
  CHECK(got.header("Content-Disposition") ==
        "attachment; filename*=UTF-8''r%C3%A9port%20%221%22.txt");
  CHECK(!got.header("Cache-Control"));
  CHECK(s.ask("/gone").status == 404);
  CHECK(s.ask("/odd").status == 500);
}

TEST_CASE("files may lie in the program") {
  aft::app app;
  app.files("/", in_program);
  app.get("/api", [] { return "api"; });
  CHECK(app.handle({}).body == "<p>embedded");
  CHECK(app.handle({.target = "/api"}).body == "api");
  CHECK(app.handle({.target = "/docs"}).status == 308);
  CHECK(app.handle({.target = "/docs/"}).body == "<p>docs");
  CHECK(app.handle({.target = "/app.js", .headers = {{"Accept-Encoding", "gzip"}}}).body ==
        "zipped");
  CHECK(app.handle({.target = "/app.js", .headers = {{"Range", "bytes=0-2"}}}).body == "let");
  CHECK(app.handle({.target = "/app.js", .headers = {{"If-None-Match", "\"2\""}}}).status == 304);
}

TEST_CASE("a directory can be put into the program") {
  const std::filesystem::path folder = AFT_TEST_WEB;
  aft::app app;
  app.files("/", web);
  int seen = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    ++seen;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const auto name = std::filesystem::relative(entry.path(), folder).string();
    std::string target = "/";
    for (const char c : name) target += c == ' ' ? "%20" : std::string(1, c);
    const auto got = app.handle({.target = target});
    CAPTURE(name);
    CHECK(got.status == 200);
    CHECK(got.body == bytes);
    CHECK(got.header("ETag")->size() == 18);
  }
  CHECK(seen == 5);
  CHECK(app.handle({.target = "/docs/"}).body == "<p>docs\n");
}

TEST_CASE("a directory that is not there fails at once") {
  aft::app app;
  CHECK_THROWS_AS(app.files("/static", "/nowhere/at/all"), aft::configuration_error);
}
