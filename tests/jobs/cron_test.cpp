#include <aft/jobs/cron.hpp>

#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <aft/ground/error.hpp>

#include "jobs/yearly_shift.hpp"

namespace {

aft::time_point cron_moment(const std::string& text) {
  aft::time_point t;
  REQUIRE(aft::read_rfc3339(text, t));
  return t;
}

struct due_row {
  const char* text;
  const char* after;
  std::vector<std::string> due;  // the next ones, in UTC
};

void check_due(const std::vector<due_row>& rows, const char* zone) {
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CAPTURE(row.after);
    const aft::schedule s(row.text, zone);
    auto t = cron_moment(row.after);
    std::vector<std::string> due;
    for (std::size_t i = 0; i < row.due.size(); ++i) {
      t = s.next(t);
      due.push_back(aft::to_rfc3339(t));
    }
    CHECK(due == row.due);
  }
}

std::string refusal_of(const std::string& text, const char* zone = "UTC") {
  try {
    aft::schedule s(text, zone);
  } catch (const aft::configuration_error& e) {
    return e.what();
  }
  return "";
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("a schedule of five fields is due at whole minutes, of six at its seconds") {
  check_due({{"* * * * *", "2026-01-01T00:00:00Z", {"2026-01-01T00:01:00Z"}},
             {"* * * * *", "2026-01-01T00:00:59.999999Z", {"2026-01-01T00:01:00Z"}},
             {"* * * * *", "1969-12-31T23:59:59.5Z", {"1970-01-01T00:00:00Z"}},
             {"30 9 * * *", "2026-01-01T09:30:00Z", {"2026-01-02T09:30:00Z"}},
             {" 30\t9  * * * ", "2026-01-01T09:29:59Z", {"2026-01-01T09:30:00Z"}},
             {"*/20 * * * * *",
              "2026-01-01T00:00:00Z",
              {"2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z", "2026-01-01T00:01:00Z"}},
             {"5 0 0 1 1 *", "2026-01-01T00:00:05Z", {"2027-01-01T00:00:05Z"}}},
            "UTC");
}

TEST_CASE("lists, ranges, steps and names say which values") {
  check_due({{"1,3-5,50/5 * * * *",
              "2026-01-01T00:00:00Z",
              {"2026-01-01T00:01:00Z", "2026-01-01T00:03:00Z", "2026-01-01T00:04:00Z",
               "2026-01-01T00:05:00Z", "2026-01-01T00:50:00Z", "2026-01-01T00:55:00Z",
               "2026-01-01T01:01:00Z"}},
             {"0 8-18/5 * * *",
              "2026-01-01T00:00:00Z",
              {"2026-01-01T08:00:00Z", "2026-01-01T13:00:00Z", "2026-01-01T18:00:00Z",
               "2026-01-02T08:00:00Z"}},
             {"0 0 1 feb,OCT-Dec *",
              "2026-01-01T00:00:00Z",
              {"2026-02-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z",
               "2026-12-01T00:00:00Z", "2027-02-01T00:00:00Z"}},
             // 2026-01-02 is a Friday.
             {"0 0 * * SAT-SUN",
              "2026-01-01T00:00:00Z",
              {"2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2026-01-10T00:00:00Z"}},
             {"0 0 ? * 7,mon",
              "2026-01-01T00:00:00Z",
              {"2026-01-04T00:00:00Z", "2026-01-05T00:00:00Z", "2026-01-11T00:00:00Z"}}},
            "UTC");
}

TEST_CASE(
    "a restricted day of the month or of the week suffices; a star's steps narrow the other") {
  check_due({{"0 0 13 * FRI",
              "2026-02-01T00:00:00Z",
              {"2026-02-06T00:00:00Z", "2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z"}},
             {"0 0 13 * ?",
              "2026-02-01T00:00:00Z",
              {"2026-02-13T00:00:00Z", "2026-03-13T00:00:00Z", "2026-04-13T00:00:00Z"}},
             // Mondays that are the 1st, 11th, 21st or 31st.
             {"0 0 */10 * MON",
              "2026-01-01T00:00:00Z",
              {"2026-05-11T00:00:00Z", "2026-06-01T00:00:00Z", "2026-08-31T00:00:00Z"}}},
            "UTC");
}

TEST_CASE("L, W and # name days by their place in the month") {
  check_due(
      {{"0 0 L * *",
        "2028-02-01T00:00:00Z",
        {"2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z", "2028-04-30T00:00:00Z"}},
       {"0 0 l-2,1 * *",
        "2027-02-02T00:00:00Z",
        {"2027-02-26T00:00:00Z", "2027-03-01T00:00:00Z", "2027-03-29T00:00:00Z"}},
       {"0 0 L-30 * *", "2026-01-31T00:00:00Z", {"2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z"}},
       // Saturday 2026-01-31, Saturday 2026-02-28, Sunday 2026-05-31.
       {"0 0 LW * *",
        "2026-01-01T00:00:00Z",
        {"2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-31T00:00:00Z",
         "2026-04-30T00:00:00Z", "2026-05-29T00:00:00Z"}},
       // Thursday 2026-01-15, Sunday 2026-02-15, Saturday 2026-08-15.
       {"0 0 15W JAN,FEB,AUG *",
        "2026-01-01T00:00:00Z",
        {"2026-01-15T00:00:00Z", "2026-02-16T00:00:00Z", "2026-08-14T00:00:00Z"}},
       // The 1st is a Sunday in February and a Saturday in August: it stays in its month.
       {"0 0 1w FEB,AUG *",
        "2026-01-01T00:00:00Z",
        {"2026-02-02T00:00:00Z", "2026-08-03T00:00:00Z"}},
       // April has no 31st; that of May is a Sunday, and the last of its month.
       {"0 0 31W APR,MAY *", "2026-01-01T00:00:00Z", {"2026-05-29T00:00:00Z"}},
       {"0 0 * * FRIL",
        "2026-01-01T00:00:00Z",
        {"2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-27T00:00:00Z"}},
       {"0 0 * * 7l", "2026-05-01T00:00:00Z", {"2026-05-31T00:00:00Z"}},
       {"0 0 * * MON#2,SUN#5",
        "2026-03-01T00:00:00Z",
        {"2026-03-09T00:00:00Z", "2026-03-29T00:00:00Z", "2026-04-13T00:00:00Z"}}},
      "UTC");
}

TEST_CASE("words stand for the first moments of years, months, weeks, days and hours") {
  const char* after = "2026-01-01T00:00:00Z";
  check_due({{"@yearly", after, {"2027-01-01T00:00:00Z"}},
             {"@annually", after, {"2027-01-01T00:00:00Z"}},
             {"@monthly", after, {"2026-02-01T00:00:00Z"}},
             {"@weekly", after, {"2026-01-04T00:00:00Z"}},
             {"@daily", after, {"2026-01-02T00:00:00Z"}},
             {"@midnight", after, {"2026-01-02T00:00:00Z"}},
             {" @Hourly ", after, {"2026-01-01T01:00:00Z"}}},
            "UTC");
}

TEST_CASE("@every counts from 1970, whatever the zone and the start") {
  check_due(
      {{"@every 90s", "1970-01-01T00:00:00Z", {"1970-01-01T00:01:30Z", "1970-01-01T00:03:00Z"}},
       {"@every 1h30m", "1970-01-01T02:00:00.25Z", {"1970-01-01T03:00:00Z"}},
       {"@EVERY 24h", "2026-03-28T23:59:59Z", {"2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"}},
       {"@every 7m", "1969-12-31T23:59:00Z", {"1970-01-01T00:00:00Z"}}},
      "Europe/Berlin");
  for (const char* text : {"@every", "@every ", "@every 0s", "@every 5", "@every m", "@every 1.5h",
                           "@every 30m1h", "@every 1h1h", "@every -1h", "@every 1h 30m",
                           "@every 8785h", "@every 99999999999999999999h", "@every 1d"}) {
    CAPTURE(text);
    CHECK(has(refusal_of(text), "@every 1h30m"));
  }
}

// Europe/Berlin: at 2026-03-29T01:00Z the clock goes from 2:00 to 3:00, at 2026-10-25T01:00Z from
// 3:00 to 2:00.
TEST_CASE("a time that the clock skips is due as it jumps, once") {
  check_due(
      {{"30 2 * * *", "2026-03-28T12:00:00Z", {"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
       {"30 2 * * *", "2026-03-29T00:59:59.9Z", {"2026-03-29T01:00:00Z"}},
       {"30 2 * * *", "2026-03-29T01:00:00Z", {"2026-03-30T00:30:00Z"}},
       {"0,20,40 2,3 * * *",
        "2026-03-29T00:00:00Z",
        {"2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z", "2026-03-29T01:40:00Z",
         "2026-03-30T00:00:00Z"}},
       {"*/15 2 * * *", "2026-03-29T00:00:00Z", {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
       {"30 2 29 3 *", "2026-01-01T00:00:00Z", {"2026-03-29T01:00:00Z", "2027-03-29T00:30:00Z"}}},
      "Europe/Berlin");
  // From 2:00 to 2:30 at 2026-10-03T15:30Z.
  check_due(
      {{"15 2 * * *", "2026-10-03T00:00:00Z", {"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}}},
      "Australia/Lord_Howe");
  // There was no 30 December, as the date line moved; and midnight is skipped each year here.
  check_due(
      {{"0 9 30 12 *", "2011-01-01T00:00:00Z", {"2011-12-30T10:00:00Z", "2012-12-29T19:00:00Z"}}},
      "Pacific/Apia");
  check_due({{"@daily", "2026-04-23T00:00:00Z", {"2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"}}},
            "Africa/Cairo");
}

TEST_CASE("a time that comes twice is due at its first") {
  check_due(
      {{"30 2 * * *", "2026-10-24T12:00:00Z", {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
       {"30 2 * * *", "2026-10-25T01:10:00Z", {"2026-10-26T01:30:00Z"}},
       {"0 0-3 * * *",
        "2026-10-24T22:00:00Z",
        {"2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"}},
       {"59 2,3 25 10 *", "2026-10-25T00:59:00Z", {"2026-10-25T02:59:00Z"}}},
      "Europe/Berlin");
}

TEST_CASE("intervals go by the time that passes") {
  check_due(
      {{"*/30 * * * *",
        "2026-03-29T00:00:00Z",
        {"2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"}},
       {"45 * * * *", "2026-03-29T00:00:00Z", {"2026-03-29T00:45:00Z", "2026-03-29T01:45:00Z"}},
       {"45 0-23 * * *", "2026-03-29T00:00:00Z", {"2026-03-29T00:45:00Z", "2026-03-29T01:45:00Z"}},
       {"0 */2 * * *", "2026-03-28T22:59:00Z", {"2026-03-28T23:00:00Z", "2026-03-29T02:00:00Z"}},
       {"45 * * * *",
        "2026-10-25T00:00:00Z",
        {"2026-10-25T00:45:00Z", "2026-10-25T01:45:00Z", "2026-10-25T02:45:00Z"}},
       {"*/30 2 * * *",
        "2026-10-24T23:59:00Z",
        {"2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z",
         "2026-10-25T01:30:00Z", "2026-10-26T01:00:00Z"}}},
      "Europe/Berlin");
}

TEST_CASE("daylight-saving time goes on after the last year that the system's files list") {
  check_due({{"0 12 1 1,7 *",
              "2060-01-01T00:00:00Z",
              {"2060-01-01T11:00:00Z", "2060-07-01T10:00:00Z", "2061-01-01T11:00:00Z"}},
             // The last Sunday of March 2060 is the 28th.
             {"30 2 28 3 *", "2060-01-01T00:00:00Z", {"2060-03-28T01:00:00Z"}}},
            "Europe/Berlin");
  check_due({{"0 12 1 1,7 *",
              "2060-01-01T00:00:00Z",
              {"2060-01-01T01:00:00Z", "2060-07-01T02:00:00Z", "2061-01-01T01:00:00Z"}}},
            "Australia/Sydney");
  check_due({{"0 12 1 7 *", "2090-01-01T00:00:00Z", {"2090-07-01T03:00:00Z"}}}, "Asia/Tokyo");
}

TEST_CASE("the rule for all years is read in every form that zones have") {
  struct row {
    const char* line;
    std::int64_t january, july;  // seconds that are added to UTC in the middle of 2060
  };
  const row rows[] = {{"CET-1CEST,M3.5.0,M10.5.0/3", 3'600, 7'200},
                      {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7'200, -3'600},
                      {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 39'600, 37'800},
                      {"<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45", 49'500, 45'900},
                      {"IST-1GMT0,M10.5.0,M3.5.0/1", 0, 3'600},
                      {"EET-2EEST,M3.4.4/50,M10.4.4/50", 7'200, 10'800}};
  for (const auto& row : rows) {
    CAPTURE(row.line);
    const auto shift = aft::jobs::yearly_shift::read(row.line);
    REQUIRE(shift);
    const auto offset = [&](const char* moment) {
      return shift->span_at(cron_moment(moment).since_1970().in_seconds()).offset;
    };
    CHECK(offset("2060-01-15T00:00:00Z") == row.january);
    CHECK(offset("2060-07-15T00:00:00Z") == row.july);
  }
  for (const char* line : {"", "UTC0", "<+01>-1", "CET-1CEST", "CET-1CEST,J60,J300", "CET",
                           "<CET-1", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0 "}) {
    CAPTURE(line);
    CHECK(!aft::jobs::yearly_shift::read(line));
  }
}

TEST_CASE("a mistake is named with its field and what is allowed there") {
  struct row {
    const char *text, *field, *why, *allowed;
  };
  const row rows[] = {
      {"60 * * * *", "the minute \"60\"", "0 to 59", "0 to 59"},
      {"61 * * * * *", "the second \"61\"", "out of its range", "0 to 59"},
      {"* 24 * * *", "the hour \"24\"", "out of its range", "0 to 23"},
      {"* * 0 * *", "the day of month \"0\"", "out of its range", "1 to 31, L, L-3, LW, 15W"},
      {"* * * 13 *", "the month \"13\"", "out of its range", "1 to 12, JAN to DEC"},
      {"* * * * 8", "the day of week \"8\"", "out of its range", "SUN to SAT, FRIL, MON#2"},
      {"* * * FOO *", "the month \"FOO\"", "a value that is none", "JAN to DEC"},
      {"* * * * MONDAY", "the day of week \"MONDAY\"", "a value that is none", "SUN to SAT"},
      {"*/0 * * * *", "the minute \"*/0\"", "a step out of its range, 1 to 59", ""},
      {"*/60 * * * *", "the minute \"*/60\"", "a step out of its range, 1 to 59", ""},
      {"*/ * * * *", "the minute \"*/\"", "a step that is none", ""},
      {"1/2/3 * * * *", "the minute \"1/2/3\"", "a step that is none", ""},
      {"5-1 * * * *", "the minute \"5-1\"", "ends before it begins", ""},
      {"1-2-3 * * * *", "the minute \"1-2-3\"", "a value that is none", ""},
      {"1,,2 * * * *", "the minute \"1,,2\"", "an empty place in its list", ""},
      {"1, * * * *", "the minute \"1,\"", "an empty place in its list", ""},
      {"? * * * *", "the minute \"?\"", "a value that is none", ""},
      {"* * ?,1 * *", "the day of month \"?\"", "a value that is none", ""},
      {"99999999999 * * * *", "the minute", "out of its range", ""},
      {"* * L-31 * *", "the day of month \"L-31\"", "a distance out of its range, 1 to 30", ""},
      {"* * LX * *", "the day of month \"LX\"", "is no last day", ""},
      {"* * 32W * *", "the day of month \"32W\"", "out of its range", ""},
      {"* * W * *", "the day of month \"W\"", "a value that is none", ""},
      {"* * * * L", "the day of week \"L\"", "does not say which day", ""},
      {"* * * * MON#6", "the day of week \"MON#6\"", "a number out of its range, 1 to 5", ""},
      {"* * * *", "has 4 fields", "five: minute, hour", "six"},
      {"", "has 0 fields", "five", "six"},
      {"* * * * * * *", "more than six fields", "five", "six"},
      {"@never", "is no word", "@yearly", "@every"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto message = refusal_of(row.text);
    CAPTURE(message);
    CHECK(has(message, row.field));
    CHECK(has(message, row.why));
    CHECK(has(message, row.allowed));
  }
  CHECK(has(refusal_of(std::string(257, '*')), "longer than 256"));
  CHECK(has(refusal_of("1\n\"\x80 * * * *"), "\"1???\""));
}

TEST_CASE("what is never due is refused") {
  for (const char* text :
       {"0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 31W FEB ?", "0 0 L-29 2 *", "0 0 1-7 2 *"}) {
    CAPTURE(text);
    CHECK(has(refusal_of(text), "never due") == (text != std::string("0 0 1-7 2 *")));
  }
  check_due({{"0 0 29 2 *", "2096-03-01T00:00:00Z", {"2104-02-29T00:00:00Z"}},
             {"0 0 30 2 MON", "2026-01-01T00:00:00Z", {"2026-02-02T00:00:00Z"}},
             // The fifth Sunday of a February, over the year without a leap day.
             {"0 0 * 2 SUN#5", "2076-01-01T00:00:00Z", {"2088-02-29T00:00:00Z"}}},
            "UTC");
}

TEST_CASE("an unknown zone is refused") {
  for (const char* zone :
       {"Europe/Nowhere", "europe/berlin", "", "../../etc/passwd", "localtime", "/etc/localtime"}) {
    CAPTURE(zone);
    CHECK(has(refusal_of("@daily", zone), "the system knows no time zone"));
  }
  CHECK(refusal_of("@daily", "Etc/UTC").empty());
}

TEST_CASE("a schedule is a value") {
  aft::schedule a("@daily", "Europe/Berlin"), b = a;
  CHECK(a == b);
  CHECK(a != aft::schedule("@daily"));
  CHECK(a != aft::schedule("@hourly", "Europe/Berlin"));
  CHECK(b.text() == "@daily");
  CHECK(b.zone() == "Europe/Berlin");
  b = aft::schedule("@hourly");
  CHECK(b.zone() == "UTC");
  const aft::schedule c = std::move(a);
  a = b;
  CHECK(a.text() == "@hourly");
  CHECK(c.next(cron_moment("2026-07-01T00:00:00Z")) == cron_moment("2026-07-01T22:00:00Z"));
}

TEST_CASE("the ends of time are an error, and the years before them are not") {
  const aft::schedule s("0 0 29 2 *", "America/New_York");
  CHECK(s.next(cron_moment("0000-01-01T00:00:00Z")) == cron_moment("0000-02-29T04:56:02Z"));
  CHECK(s.next(cron_moment("9996-01-01T00:00:00Z")) == cron_moment("9996-02-29T05:00:00Z"));
  CHECK(s.next(cron_moment("9999-12-31T23:59:59Z")) > cron_moment("9999-12-31T23:59:59Z"));
  for (const auto us :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    const aft::time_point end(aft::microseconds(us));
    CHECK_THROWS_AS(s.next(end), aft::error);
    CHECK_THROWS_AS(aft::schedule("@every 1h").next(end), aft::error);
  }
}

TEST_CASE("threads may need zones at the same time") {
  std::vector<std::thread> threads;
  std::vector<std::string> due(4);
  for (auto& text : due) {
    threads.emplace_back([&text] {
      for (const char* zone : {"Asia/Kolkata", "America/Sao_Paulo", "Africa/Lagos"}) {
        const aft::schedule s("0 12 * * *", zone);
        text += aft::to_rfc3339(s.next(aft::time_point(aft::days(20'000)))) + " ";
      }
    });
  }
  for (auto& t : threads) t.join();
  for (const auto& text : due) {
    CHECK(text == "2024-10-04T06:30:00Z 2024-10-04T15:00:00Z 2024-10-04T11:00:00Z ");
  }
}
