#include <aft/http/handler_info.hpp>

#include <optional>
#include <string>

#include <doctest/doctest.h>

#include <aft/http/handler.hpp>

using aft::http::argument_kind;

namespace {

struct paging {
  int limit = 20;
};
struct note {
  std::string title;
};
struct visitor {};
struct counter {};

}  // namespace

template <>
struct aft::from_request<visitor> {
  static visitor from(aft::header<"X-Visitor">, const counter&) { return {}; }
  static constexpr aft::security security[] = {{"session"}, {"api_key"}};
  static constexpr aft::answer_note answers{402, "The account is overdrawn."};
  static constexpr aft::argument_policy policy{.who = aft::admission::signed_in};
};

TEST_CASE("the table of a handler has its arguments in their order, with kind, name and type") {
  const auto h =
      aft::detail::make_handler([](int, aft::query<paging>, aft::body<note>, aft::cookie<"theme">,
                                   const aft::request&, counter&) {});
  const auto& info = h.info();
  REQUIRE(info.argument_count == 6);
  CHECK(info.arguments[0].kind == argument_kind::path);
  CHECK(&info.arguments[0].type() == &aft::type_of<int>());
  CHECK(info.arguments[1].kind == argument_kind::query);
  REQUIRE(bool(info.arguments[1].defaults));
  CHECK(static_cast<const paging*>(info.arguments[1].defaults())->limit == 20);
  CHECK(info.arguments[2].kind == argument_kind::body);
  CHECK(&info.arguments[2].type() == &aft::type_of<note>());
  CHECK(info.arguments[3].kind == argument_kind::cookie);
  CHECK(info.arguments[3].name == "theme");
  CHECK(info.arguments[4].kind == argument_kind::request);
  CHECK(info.arguments[5].kind == argument_kind::resource);
  CHECK(info.arguments[5].key == aft::key_of<counter>());
}

TEST_CASE("an argument of the host's own tells what it needs, and what it asks and answers") {
  const auto h = aft::detail::make_handler([](visitor) {});
  REQUIRE(h.info().argument_count == 1);
  const auto& a = h.info().arguments[0];
  CHECK(a.kind == argument_kind::made);
  REQUIRE(a.need_count == 2);
  CHECK(a.needs[0].name == "X-Visitor");
  CHECK(a.needs[1].key == aft::key_of<counter>());
  REQUIRE(a.security_count == 2);
  CHECK(a.securities[1].scheme == "api_key");
  REQUIRE(a.answer_count == 1);
  CHECK(a.answers->status == 402);
  REQUIRE(a.policy != nullptr);
  CHECK(a.policy->who == aft::admission::signed_in);
}

TEST_CASE("the table of a handler has what it returns") {
  const auto nothing = aft::detail::make_handler([] {});
  CHECK(nothing.info().result.kind == aft::http::content::none);
  CHECK(nothing.info().result.status == 204);
  const auto maybe = aft::detail::make_handler([]() -> std::optional<note> { return {}; });
  CHECK(maybe.info().result.kind == aft::http::content::json);
  CHECK(maybe.info().result.may_be_missing);
  CHECK(&maybe.info().result.type() == &aft::type_of<note>());
}

TEST_CASE("a handler that takes nothing from the request has nothing to make") {
  const auto h = aft::detail::make_handler([](const aft::request&, counter&) {});
  CHECK_FALSE(bool(h.info().extract));
  CHECK_FALSE(bool(h.info().discard));
}
