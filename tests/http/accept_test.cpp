#include "http/accept.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

using chooser = std::optional<std::size_t> (*)(std::optional<std::string_view>, aft::http::offers);

std::string choose(chooser f, std::optional<std::string_view> line,
                   const std::vector<std::string_view>& offered) {
  const auto chosen = f(line, offered);
  return chosen ? std::string(offered.at(*chosen)) : "none";
}

struct row {
  std::optional<std::string_view> line;
  std::vector<std::string_view> offered;
  const char* chosen;
};

void check(chooser f, const std::vector<row>& table) {
  for (const auto& row : table) {
    CAPTURE(row.line.value_or("(absent)"));
    CHECK(choose(f, row.line, row.offered) == row.chosen);
  }
}

}  // namespace

TEST_CASE("an encoding is chosen by the client's quality, then by our order") {
  const std::vector<std::string_view> all = {"br", "zstd", "gzip", "identity"};
  check(aft::http::choose_encoding, {
                                        {"gzip, deflate, br, zstd", all, "br"},
                                        {"gzip, deflate", all, "gzip"},
                                        {"br;q=0.5, gzip;q=0.8, zstd;q=0.7", all, "gzip"},
                                        {"br;q=0, *", all, "zstd"},
                                        {"*;q=0.5, gzip", all, "gzip"},
                                        {"*", all, "br"},
                                        {"GZIP ; Q=0.1", all, "gzip"},
                                        {"x-gzip", all, "gzip"},
                                        {"deflate", all, "identity"},
                                        {"gzip;q=0.5, identity", all, "identity"},
                                        {"gzip;q=0.5, identity;q=0.5", all, "gzip"},
                                        {"gzip;q=0.001", all, "gzip"},
                                        {"gzip;q=0", all, "identity"},
                                        {"gzip;a=b;q=0.3, br;q=0.2", all, "gzip"},
                                        {"gzip;a=\"br,br\"", all, "gzip"},
                                    });
}

TEST_CASE("without Accept-Encoding nothing is encoded where that can be helped") {
  check(aft::http::choose_encoding, {
                                        {{}, {"br", "identity"}, "identity"},
                                        {{}, {"br", "gzip"}, "br"},
                                        {{}, {}, "none"},
                                        {"", {"br", "identity"}, "identity"},
                                        {"", {"br"}, "none"},
                                    });
}

TEST_CASE("a client that refuses what there is gets nothing") {
  check(aft::http::choose_encoding, {
                                        {"identity;q=0", {"identity"}, "none"},
                                        {"*;q=0", {"gzip", "identity"}, "none"},
                                        {"identity;q=0", {"gzip", "identity"}, "none"},
                                        {"identity;q=0, gzip", {"gzip", "identity"}, "gzip"},
                                        {"*;q=0, identity;q=0.1", {"gzip", "identity"}, "identity"},
                                        {"*;q=0, gzip", {"gzip", "identity"}, "gzip"},
                                        {"identity;q=0, *", {"gzip", "identity"}, "gzip"},
                                        {"gzip", {"br"}, "none"},
                                    });
}

TEST_CASE("a malformed member is ignored") {
  const std::vector<std::string_view> all = {"br", "gzip", "identity"};
  check(aft::http::choose_encoding, {
                                        {"br;q=1.001, gzip;q=0.1", all, "gzip"},
                                        {"br;q=-1, gzip;q=0.1", all, "gzip"},
                                        {"br;q=2, gzip;q=0.1", all, "gzip"},
                                        {"br;q=.5, gzip;q=0.1", all, "gzip"},
                                        {"br;q=0.1234, gzip;q=0.1", all, "gzip"},
                                        {"br;q=\"1\", gzip;q=0.1", all, "gzip"},
                                        {"br;q=, gzip;q=0.1", all, "gzip"},
                                        {"br;q, gzip;q=0.1", all, "gzip"},
                                        {"br;q =1, gzip;q=0.1", all, "gzip"},
                                        {"br gzip, gzip;q=0.1", all, "gzip"},
                                        {",, ;q=1,gzip;q=0.1", all, "gzip"},
                                        {"gzip;q=0.1, br;a=\"", all, "gzip"},
                                        {"br;q=1.000;, gzip;q=1.", all, "br"},
                                    });
}

TEST_CASE("the most specific media range that fits gives the quality") {
  // RFC 9110 section 12.5.1, its last example.
  const std::string_view line =
      "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, "
      "*/*;q=0.5";
  check(aft::http::choose_media_type,
        {
            {line, {"text/html", "image/jpeg"}, "image/jpeg"},
            {line, {"image/jpeg", "text/plain"}, "text/plain"},
            {line, {"text/plain", "text/plain;format=flowed"}, "text/plain;format=flowed"},
            {line, {"text/plain; format=fixed", "image/jpeg"}, "image/jpeg"},
            {line, {"text/html", "text/plain;format=fixed"}, "text/plain;format=fixed"},
        });
}

TEST_CASE("a media type is chosen by the client's quality, then by our order") {
  const std::vector<std::string_view> two = {"application/json", "text/html; charset=utf-8"};
  check(aft::http::choose_media_type,
        {
            {{}, two, "application/json"},
            {"*/*", two, "application/json"},
            {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", two,
             "text/html; charset=utf-8"},
            {"Text/HTML", two, "text/html; charset=utf-8"},
            {"text/*", two, "text/html; charset=utf-8"},
            {"text/html;q=0.5, application/*;q=0.5", two, "application/json"},
            {"text/html;q=0.5, text/html;q=0.9, */*;q=0.8", two, "text/html; charset=utf-8"},
            {"image/*", two, "none"},
            {"*/*;q=0", two, "none"},
            {"*/*, application/json;q=0", two, "text/html; charset=utf-8"},
            {"text/html;charset=UTF-8", two, "text/html; charset=utf-8"},
            {"text/html;charset=\"utf\\-8\"", two, "text/html; charset=utf-8"},
            {"text/html;charset=latin1", two, "none"},
            {"text/html;q=0.5;charset=latin1", two, "text/html; charset=utf-8"},
        });
}

TEST_CASE("an Accept that says nothing is not heeded") {
  const std::vector<std::string_view> one = {"text/html"};
  check(aft::http::choose_media_type, {
                                          {"", one, "text/html"},
                                          {" , ", one, "text/html"},
                                          {"html", one, "text/html"},
                                          {"*/html", one, "text/html"},
                                          {"image/png;q=x", one, "text/html"},
                                          {"html, image/png", one, "none"},
                                      });
}

TEST_CASE("a language takes its dialects, and a dialect its language") {
  check(aft::http::choose_language,
        {
            {{}, {"en", "de"}, "en"},
            {"", {"en", "de"}, "en"},
            {"de", {"en", "de"}, "de"},
            {"DE", {"en", "de-CH"}, "de-CH"},
            {"de-CH", {"en", "de"}, "de"},
            {"de-CH, en;q=0.8", {"en", "de"}, "de"},
            {"de-CH, de;q=0.5, en;q=0.8", {"en", "de"}, "en"},
            {"de-AT, en;q=0.8", {"en", "de-CH"}, "en"},
            {"de-CH;q=0, *", {"de", "en"}, "de"},
            {"de;q=0, *;q=0.1", {"de-CH", "en"}, "en"},
            {"zh;q=0.1, zh-Hant, en;q=0.5", {"zh-Hant-TW", "en"}, "zh-Hant-TW"},
            {"d", {"de"}, "none"},
            {"fr", {"en", "de"}, "none"},
        });
}
