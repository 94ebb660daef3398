#pragma once
// What a handler may take. Its signature is the contract: the library makes each argument from the
// request, answers 4xx with every mistake at once where that fails, and writes the API document.
//
//   leading values          path values, in the order of the placeholders: numbers, enums,
//                           std::string, std::string_view, aft::text, aft::bounded, aft::id
//   path<"id", T>           the same, with its name checked against the pattern
//   query<T>                the query string, into a struct; absent fields keep their defaults
//   body<T>                 the JSON body; body<std::string> is the body as it is
//   body_into<T>            the body as it comes, part by part, into a T
//   header<"Name", T>       a header; std::optional where it may be absent
//   cookie<"name", T>       a cookie
//   request const&          the whole request
//   T&                      a state the host registered, aft::reader&, aft::transaction&
//   anything else           through from_request<T>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace aft {

// A name as a template argument.
template <std::size_t Size>
struct name {
  char letters[Size]{};
  consteval name(const char (&text)[Size]) {
    for (std::size_t i = 0; i < Size; ++i) letters[i] = text[i];
  }
  constexpr std::string_view view() const { return {letters, Size - 1}; }
};

namespace detail {
template <class T>
struct held {
  T value{};
  T& operator*() { return value; }
  const T& operator*() const { return value; }
  T* operator->() { return &value; }
  const T* operator->() const { return &value; }
};
}  // namespace detail

template <name Name, class T>
struct path : detail::held<T> {
  operator const T&() const { return this->value; }
};

template <class T>
struct query : detail::held<T> {};

// The content type must be JSON, else 415. A document that is not JSON is 400; one that does not
// fit is 422 with every mistake.
template <class T>
struct body : detail::held<T> {};

// For bodies that are too large to hold: each part is given to the T when it comes, and the handler
// runs after the last one. T is made by T(const request&) or T(), once the other arguments are made
// and found right, so a stranger sends nothing. Then comes t.write(std::string_view) for each part,
// on an event loop, where it must not wait for others; and t.end(), if T has it. All of them may
// throw a problem. T::body_type, if there, names the media type for the document. See
// aft::form_data and aft::temporary_file for two such types.
template <class T>
class body_into {
 public:
  body_into() = default;
  body_into(body_into&& other) noexcept : value_(other.value_) { other.value_ = nullptr; }
  body_into& operator=(body_into&&) = delete;
  ~body_into() { delete value_; }

  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_; }
  const T* operator->() const { return value_; }

  // For the library.
  template <class... From>
  void make(From&&... from) {
    value_ = new T(static_cast<From&&>(from)...);
  }

 private:
  T* value_ = nullptr;  // it stays where it was made, whoever holds it
};

template <name Name, class T = std::string>
struct header : detail::held<T> {
  operator const T&() const { return this->value; }
};

template <name Name, class T = std::string>
struct cookie : detail::held<T> {
  operator const T&() const { return this->value; }
};

// One way to show who asks, by the name of a security_scheme (see aft/http/openapi.hpp).
struct security {
  std::string_view scheme;
  bool required = true;  // false: strangers may ask, too
};

// An answer that the signature does not tell.
struct answer_note {
  int status;
  std::string_view when;
};

// How a type of the host's own is made from a request. `from` may take what a handler may take (but
// no path values and no body), and returns T or result<T, problem>; it may throw a problem. It runs
// before the body is read into its type, so a stranger costs no parsing.
//   template <>
//   struct aft::from_request<user> {
//     static aft::result<user, aft::problem> from(aft::header<"Authorization"> h, sessions& s);
//     // For the document of each route that takes one; both may be left out.
//     static constexpr aft::security security[] = {{"session"}, {"api_key"}};  // either
//     static constexpr aft::answer_note answers[] = {{402, "The account is overdrawn."}};
//   };
// A constexpr member `policy` of type argument_policy states who may use the routes that take it,
// see aft/http/policy.hpp.
template <class T>
struct from_request;

}  // namespace aft
