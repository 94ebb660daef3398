#pragma once
// Reads that a client need not repeat, and writes that overwrite nobody's (RFC 9110 section 13).
//
//   app.get("/notes/{id}", [](std::int64_t id, aft::reader& db) -> aft::versioned<note> {
//     auto n = db.one<note>("select * from note where id = $1", id);
//     return {n, aft::etag_of(n.version)};       // 304 for who has that version
//   });
//   app.put("/notes/{id}", [](std::int64_t id, aft::if_match expected, aft::body<note_text> in,
//                             aft::transaction& tx) -> aft::versioned<note> {
//     auto n = tx.one<note>("select * from note where id = $1", id);
//     expected.require(aft::etag_of(n.version));  // 412 for who has seen another
//     ...
//
// Where there is no version to tell, route::etag() tells reads by the bytes of their JSON, and
// etag_of(value) gives the same tag for a write to compare.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <aft/ground/json.hpp>
#include <aft/ground/problem.hpp>
#include <aft/ground/result.hpp>
#include <aft/http/arguments.hpp>
#include <aft/http/handler.hpp>

namespace aft {

namespace http {
void reply_versioned(call&, const void* value, const type_info&, std::string_view etag);
std::string etag_of_json(std::string_view json);
}  // namespace http

// An entity tag, with its quotes. Of a number it is that number; of a struct, a hash of its JSON.
std::string etag_of(std::int64_t version);
template <class T>
requires(std::is_class_v<T>&& std::is_aggregate_v<T>) std::string etag_of(const T& value) {
  return http::etag_of_json(json::write(value));
}

// What a handler returns: 200 with T as JSON and the ETag, or 304 without T for a GET whose
// If-None-Match names it.
template <class T>
struct versioned {
  T value;
  std::string etag;
};

// A handler's argument: the version that the client says it has seen, by If-Match. A request that
// says none is refused with 428.
class if_match {
 public:
  explicit if_match(std::string_view header) : header_(header) {}
  bool matches(std::string_view etag) const;
  void require(std::string_view etag) const;  // throws the problem 412 if it does not match

 private:
  std::string header_;
};

// The same, but who says none overwrites what is there.
class optional_if_match {
 public:
  explicit optional_if_match(std::optional<if_match> said) : said_(std::move(said)) {}
  void require(std::string_view etag) const {
    if (said_) said_->require(etag);
  }

 private:
  std::optional<if_match> said_;
};

template <>
struct from_request<if_match> {
  using line = header<"If-Match", std::optional<std::string>>;
  static constexpr answer_note answers[] = {
      {412, "It is another version than If-Match names."},
      {428, "If-Match must say which version is to be changed."}};
  static result<if_match, problem> from(line header);
};
template <>
struct from_request<optional_if_match> {
  using line = header<"If-Match", std::optional<std::string>>;
  static constexpr answer_note answers[] = {{412, "It is another version than If-Match names."}};
  static optional_if_match from(line header);
};

namespace detail {
template <class T>
struct returned<versioned<T>> {
  static constexpr result_info info{content::json, &type_of<T>, 200, false, false, {}, true};
  static void put(call& c, versioned<T>&& r) {
    http::reply_versioned(c, &r.value, type_of<T>(), r.etag);
  }
};
}  // namespace detail

}  // namespace aft
