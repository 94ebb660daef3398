#include <aft/client/mail.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include <aft/ground/encoding.hpp>

namespace {

const aft::time_point date(aft::seconds(1'769'860'800));

std::string written(const aft::mail& m) {
  const auto text = aft::write_mail(m, "<1@example.org>", date);
  return text ? *text : std::string(to_string(text.reason()));
}

aft::mail to_ada(aft::mail m = {}) {
  m.from = {"shop@example.org"};
  m.to = {{"ada@example.org"}};
  return m;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

bool is_sound(const std::string& text) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x7f || c == 0) return false;
    if (c == '\n' && (i == 0 || text[i - 1] != '\r')) return false;
    if (c == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return false;
    used = c == '\n' ? 0 : used + 1;
    if (used > 79) return false;  // with the CR
  }
  return text.ends_with("\r\n");
}

}  // namespace

TEST_CASE("a mail is written whole") {
  auto m = to_ada({.subject = "Hello", .text = "One\nTwo é = 2\n.\nFrom me "});
  m.from.name = "The \"Shop\"";
  m.cc = {{"b@example.org", "Bé"}, {"c@example.org"}};
  m.bcc = {{"secret@example.org"}};
  m.headers = {{"List-Unsubscribe", "<https://example.org/u?t=1>"}};
  CHECK(written(m) ==
        "Date: Sat, 31 Jan 2026 12:00:00 +0000\r\n"
        "From: \"The \\\"Shop\\\"\" <shop@example.org>\r\n"
        "To: ada@example.org\r\n"
        "Cc: =?UTF-8?B?QsOp?=\r\n <b@example.org>,\r\n"
        " c@example.org\r\n"
        "Subject: Hello\r\n"
        "Message-ID: <1@example.org>\r\n"
        "List-Unsubscribe: <https://example.org/u?t=1>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
        "One\r\nTwo =C3=A9 =3D 2\r\n=2E\r\n=46rom me=20\r\n");
}

TEST_CASE("text and HTML are alternatives, and attachments stand beside them") {
  auto m = to_ada({.text = "plain", .html = "<p>rich</p>"});
  auto text = written(m);
  CHECK(has(text, "Content-Type: multipart/alternative;"));
  CHECK(text.find("text/plain") < text.find("text/html"));
  m.attachments = {{"a \"b\".txt", "text/plain", "content"},
                   {"é.bin", "application/octet-stream", std::string("\0\xff", 2)}};
  text = written(m);
  CHECK(has(text, "Content-Type: multipart/mixed;"));
  CHECK(has(text, "filename=\"a \\\"b\\\".txt\"\r\n\r\nY29udGVudA==\r\n"));
  CHECK(has(text, "filename*=UTF-8''%C3%A9.bin\r\n\r\nAP8=\r\n"));
  CHECK(is_sound(text));
  CHECK(has(written(to_ada({.html = "<p>"})), "Content-Type: text/html"));
  CHECK(has(written(to_ada()), "Content-Type: text/plain"));
}

TEST_CASE("lines are short, and ASCII, whatever stands in them") {
  std::string word, letters;
  for (int i = 0; i < 300; ++i) {
    word += "word ";
    letters += "é€😀";
  }
  for (const auto& subject :
       {word.substr(0, 1499), letters.substr(0, 1800), std::string(400, 'a'), std::string("a  b"),
        std::string("=?UTF-8?B?QsOp?="), std::string(" a"), "a " + std::string(74, 'b')}) {
    CAPTURE(subject);
    auto m = to_ada({.subject = subject, .text = letters + std::string(1000, 'x') + "   "});
    m.from.name = subject.substr(0, 199);
    if (m.from.name.back() == '\xc3') m.from.name.pop_back();
    m.to[0].name = std::string(59, 'a');
    CHECK(is_sound(written(m)));
  }
}

TEST_CASE("a subject comes out as it went in") {
  const std::string subject = "Grüße aus Köln, und noch viel mehr: €€€€€€€€€€€€€€€€€€€€€€€€€€€€€";
  const auto text = written(to_ada({.subject = subject}));
  std::string back;
  auto at = text.find("Subject: ");
  const auto end = text.find("\r\nMessage-ID");
  while ((at = text.find("=?UTF-8?B?", at)) < end) {
    const auto stop = text.find("?=", at + 10);
    CHECK(stop + 2 - at <= 75);
    std::string part;
    REQUIRE(aft::from_base64(text.substr(at + 10, stop - at - 10), part));
    back += part;
    at = stop;
  }
  CHECK(back == subject);
}

TEST_CASE("no value ends its line and begins another one") {
  using enum aft::mail_refusal;
  const auto refusal = [](const aft::mail& m) {
    const auto text = aft::write_mail(m, "<1@example.org>", date);
    REQUIRE_FALSE(text);
    return text.reason();
  };
  const std::string evil = "a\r\nBcc: everybody@example.org";
  for (const auto& bad : {evil, std::string("a\nb"), std::string("a\rb"), std::string("a\0b", 3),
                          std::string("\x7f"), std::string("\xff")}) {
    CHECK(refusal(to_ada({.subject = bad})) == bad_header);
    CHECK(refusal(to_ada({.headers = {{"X-A", bad}}})) == bad_header);
    CHECK(refusal(to_ada({.headers = {{bad, "b"}}})) == bad_header);
    CHECK(refusal(to_ada({.attachments = {{.file_name = bad}}})) == bad_header);
    CHECK(refusal(to_ada({.attachments = {{"a", bad}}})) == bad_header);
    auto m = to_ada();
    m.to[0].name = bad;
    CHECK(refusal(m) == bad_header);
    m = to_ada();
    m.reply_to = {bad + "@example.org"};
    CHECK(refusal(m) == bad_address);
  }
  for (const auto* name : {"Bcc", "to", "CONTENT-TYPE", "Message-Id", "A B", "A:", ""}) {
    CHECK(refusal(to_ada({.headers = {{name, "b"}}})) == bad_header);
  }
  CHECK(refusal(to_ada({.text = "\xff"})) == bad_text);
  CHECK(refusal(to_ada({.html = std::string("\0", 1)})) == bad_text);
  CHECK(refusal({}) == no_sender);
  CHECK(refusal({.from = "a@b"}) == no_recipient);
}

TEST_CASE("addresses are told from what is none") {
  for (const auto* text : {"a@b", "ada.lovelace+tag@mail.example.org", "o'brien@example.org",
                           "a@xn--bcher-kva.example", "!#$%&'*+-/=?^_`{|}~@example.org"}) {
    CAPTURE(text);
    CHECK(aft::is_mail_address(text));
  }
  for (const auto& text : {std::string(),
                           std::string("a"),
                           std::string("@b"),
                           std::string("a@"),
                           std::string("a b@c"),
                           std::string("a@b c"),
                           std::string("a@b>"),
                           std::string("<a@b>"),
                           std::string("a@b,c@d"),
                           std::string(".a@b"),
                           std::string("a.@b"),
                           std::string("a..b@c"),
                           std::string("a@.b"),
                           std::string("a@b."),
                           std::string("a@-b"),
                           std::string("a@b\r\n"),
                           std::string("\"a\"@b"),
                           std::string("a@[127.0.0.1]"),
                           std::string("é@b"),
                           std::string(65, 'a') + "@b",
                           "a@" + std::string(253, 'b'),
                           std::string("a@b\0", 4)}) {
    CAPTURE(text);
    CHECK_FALSE(aft::is_mail_address(text));
  }
}

TEST_CASE("message ids are new each time") {
  const auto id = aft::new_message_id("example.org");
  CHECK(id.starts_with("<"));
  CHECK(id.ends_with("@example.org>"));
  CHECK(id != aft::new_message_id("example.org"));
}
