#include <aft/ground/settings.hpp>

#include <stdlib.h>

#include <fstream>

#include <aft/ground/error.hpp>
#include <aft/ground/text.hpp>

#include <doctest/doctest.h>

#include "../temporary_file.hpp"

namespace {

enum class colour { red, green };

struct mail_config {
  std::string host = "localhost";
  std::string password{};
  static void rules(aft::rules<mail_config>& r) { r(&mail_config::password).secret(); }
};
struct config {
  std::string database = "notes.db";
  aft::bounded<int, 0, 65535> port{8080};
  aft::duration drain = aft::seconds(10);
  bool verbose = false;
  double rate = 1.5;
  colour paint = colour::red;
  std::optional<std::string> web{};
  std::vector<std::string> hosts{};
  mail_config mail{};
  static void rules(aft::rules<config>& r) {
    r(&config::database).describe("a file, or postgresql://...");
    r(&config::hosts).length(0, 3);
    r.check(&config::drain, "must not be shorter than a second",
            [](const config& c) { return c.drain >= aft::seconds(1); });
  }
};

const aft::settings_places places{.program = "notes", .environment = "AFT_TEST_NOTES_"};

aft::result<aft::settings<config>, aft::settings_end> read(
    std::vector<const char*> words, const aft::settings_places& where = places) {
  words.insert(words.begin(), "notes");
  return aft::read_settings<config>(where, int(words.size()), words.data());
}
std::string refusal(std::vector<const char*> words, const aft::settings_places& where = places) {
  const auto found = read(std::move(words), where);
  REQUIRE(!found);
  CHECK(found.reason().status == 2);
  return found.reason().text;
}

// Of the environment, while it lives.
struct variable {
  variable(const char* n, const char* value) : name(n) { ::setenv(name, value, 1); }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
  ~variable() { ::unsetenv(name); }
  const char* name;
};

struct with_file : temporary_folder {
  aft::settings_places write(std::string_view text) {
    const auto path = *this / "notes.toml";
    std::ofstream(path) << text;
    auto where = places;
    where.file = path;
    return where;
  }
};

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

const aft::setting& named(const aft::settings<config>& s, std::string_view name) {
  for (const auto& one : s.all) {
    if (one.name == name) return one;
  }
  throw aft::error("no such setting");
}

}  // namespace

TEST_CASE("settings are those of the struct where nothing is said") {
  const auto s = read({});
  REQUIRE(s);
  CHECK(s->values.database == "notes.db");
  CHECK(s->values.drain == aft::seconds(10));
  CHECK(named(*s, "drain").value == "\"10s\"");
  CHECK(named(*s, "web").value == "none");
  CHECK(named(*s, "mail.host").from == "default");
}

TEST_CASE_FIXTURE(with_file,
                  "the command line goes before the environment, and that before the file") {
  const auto where = write("database = 'file.db'\nport = 1\ndrain = '1m'\n[mail]\nhost = 'mx'\n");
  const variable port("AFT_TEST_NOTES_PORT", "2"), drain("AFT_TEST_NOTES_DRAIN", "2m");
  const auto s = read({"--drain", "3m"}, where);
  REQUIRE(s);
  CHECK(s->values.database == "file.db");
  CHECK(s->values.port == 2);
  CHECK(s->values.drain == aft::minutes(3));
  CHECK(s->values.mail.host == "mx");
  CHECK(has(named(*s, "database").from, "notes.toml, line 1"));
  CHECK(named(*s, "port").from == "AFT_TEST_NOTES_PORT");
  CHECK(named(*s, "drain").from == "--drain");
}

TEST_CASE_FIXTURE(with_file, "lists, flags and tables are written as each place has them") {
  const auto where = write("hosts = ['a', 'b']\nverbose = true\nrate = 2\npaint = 'green'\n");
  auto s = read({}, where);
  REQUIRE(s);
  CHECK(s->values.hosts == std::vector<std::string>{"a", "b"});
  CHECK(s->values.verbose);
  CHECK(s->values.rate == 2);
  CHECK(s->values.paint == colour::green);
  const variable hosts("AFT_TEST_NOTES_HOSTS", "c,d,e");
  CHECK(read({}, where)->values.hosts == std::vector<std::string>{"c", "d", "e"});
  s = read({"--hosts", "f", "--hosts=g", "--verbose", "--mail-host=x=y", "--web="}, where);
  REQUIRE(s);
  CHECK(s->values.hosts == std::vector<std::string>{"f", "g"});
  CHECK(s->values.mail.host == "x=y");
  CHECK(s->values.web == "");
}

TEST_CASE_FIXTURE(with_file, "all mistakes are told at once, with their places") {
  const auto where =
      write("prot = 1\nport = '8080'\nhosts = 'a'\ndatabase = 5\n[mail]\nhots = 'x'\n");
  const variable unknown("AFT_TEST_NOTES_PROT", "2"), drain("AFT_TEST_NOTES_DRAIN", "soon");
  const auto why = refusal({"--port", "70000", "--paint", "blue", "--dada", "x", "--rate"}, where);
  CHECK(has(why, "line 1: prot is not a setting; did you mean port?\n"));
  CHECK(has(why, "line 2: port must not be in quotes\n"));
  CHECK(has(why, "line 3: hosts must be a list\n"));
  CHECK(has(why, "line 4: database must be a text, in quotes\n"));
  CHECK(has(why, "line 6: mail.hots is not a setting; did you mean mail.host?\n"));
  CHECK(has(why, "AFT_TEST_NOTES_PROT: is not a setting; did you mean AFT_TEST_NOTES_PORT?\n"));
  CHECK(has(why, "AFT_TEST_NOTES_DRAIN: must be a time such as 10s, 1h30m or 500ms\n"));
  CHECK(has(why, "notes: --port: must be "));
  CHECK(has(why, "notes: --paint: must be one of red, green\n"));
  CHECK(has(why, "notes: --dada: is not an option\n"));
  CHECK(has(why, "notes: --rate: needs a value\n"));
}

TEST_CASE("an option given twice, too long a list and a broken rule are mistakes") {
  CHECK(has(refusal({"--port", "1", "--port", "2"}), "--port: is given twice"));
  CHECK(has(refusal({"--hosts=a", "--hosts=b", "--hosts=c", "--hosts=d"}), "--hosts: "));
  CHECK(has(refusal({"--drain", "10ms"}), "drain: must not be shorter than a second"));
  CHECK(has(refusal({"notes.db"}), "notes.db: is not an option"));
  CHECK(!has(refusal({"--prt", "9"}), "9: is not"));  // one mistake, not two
}

TEST_CASE_FIXTURE(with_file, "a file that is no TOML, or is named and missing, is a mistake") {
  CHECK(has(refusal({}, write("port = \n")), "notes.toml: line 1: "));
  CHECK(has(refusal({}, write("port = 1\nport = 2\n")), "notes.toml: line 2: "));
  CHECK(has(refusal({"--config", "/nowhere.toml"}), "/nowhere.toml: cannot be read"));
  auto where = places;
  where.file = "/nowhere.toml";
  CHECK(read({}, where));
  const auto other = *this / "other.toml";
  std::ofstream(other) << "port = 9\n";
  CHECK(read({"--config", other.c_str()}, write("port = 1\n"))->values.port == 9);
}

TEST_CASE("secrets are masked, and an empty one is seen to be empty") {
  auto s = read({"--mail-password", "hunter2"});
  REQUIRE(s);
  CHECK(s->values.mail.password == "hunter2");
  CHECK(named(*s, "mail.password").value == "***");
  CHECK(named(*s, "mail.password").is_secret);
  CHECK(named(*read({}), "mail.password").value == "\"\"");
  const auto shown = read({"--mail-password=hunter2", "--port=9", "--settings"});
  REQUIRE(!shown);
  CHECK(shown.reason().status == 0);
  CHECK(!has(shown.reason().text, "hunter2"));
  CHECK(has(shown.reason().text, "mail.password = ***"));
  CHECK(has(shown.reason().text, "# --port\n"));
}

TEST_CASE("help names each setting with what it is, its default and its variable") {
  const auto help = read({"--help", "--nonsense"});
  REQUIRE(!help);
  CHECK(help.reason().status == 0);
  CHECK(has(help.reason().text, "usage: notes [options]"));
  CHECK(has(help.reason().text,
            "  --database TEXT\n      a file, or postgresql://...\n"
            "      default: \"notes.db\"; in the environment: AFT_TEST_NOTES_DATABASE\n"));
  CHECK(has(help.reason().text, "must be one of red, green"));
}

TEST_CASE("options that would mean two things, and fields without a form, are refused") {
  struct twice {
    mail_config mail{};
    std::string mail_host{};
  };
  struct odd {
    std::vector<std::byte> bytes{};
  };
  const char* const words[] = {"x"};
  CHECK_THROWS_AS((void)aft::read_settings<twice>({.program = "x"}, 1, words),
                  aft::configuration_error);
  CHECK_THROWS_AS((void)aft::read_settings<odd>({.program = "x"}, 1, words),
                  aft::configuration_error);
}

TEST_CASE("times are written as people do") {
  struct row {
    const char* text;
    aft::duration is;
  };
  for (const auto& r :
       {row{"0", {}}, row{"10s", aft::seconds(10)}, row{"1h30m", aft::minutes(90)},
        row{"500ms", aft::milliseconds(500)}, row{"2d1us", aft::days(2) + aft::microseconds(1)}}) {
    CAPTURE(r.text);
    CHECK(aft::read_duration(r.text) == r.is);
    CHECK(aft::write_duration(r.is) == r.text);
  }
  for (const auto* wrong : {"", "10", "s", "-1s", "1m1h", "1s1s", "1.5h", "1 s", "1weeks",
                            "100001d", "9223372036854775807h", "99999999999999999999s", "1S"}) {
    CAPTURE(wrong);
    CHECK(!aft::read_duration(wrong));
  }
}
