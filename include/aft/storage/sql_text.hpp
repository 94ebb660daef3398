#pragma once
// SQL that is put together while the program runs.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <aft/storage/sql.hpp>

namespace aft {

namespace detail {

// A copy of a value that is bound later.
class kept_value {
 public:
  template <class T>
  explicit kept_value(const T& value) {
    if constexpr (std::is_convertible_v<const T&, std::string_view> && !constrained<T>) {
      keep(std::string(std::string_view(value)));
      type_ = nullptr;
    } else {
      keep(T(value));
      type_ = &type_of<T>();
    }
  }
  kept_value(const kept_value& other)
      : object_(other.copy_(other.object_)), copy_(other.copy_), destroy_(other.destroy_),
        type_(other.type_) {}
  kept_value(kept_value&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)), copy_(other.copy_),
        destroy_(other.destroy_), type_(other.type_) {}
  kept_value& operator=(kept_value other) noexcept {
    std::swap(object_, other.object_);
    std::swap(copy_, other.copy_);
    std::swap(destroy_, other.destroy_);
    std::swap(type_, other.type_);
    return *this;
  }
  ~kept_value() {
    if (object_) destroy_(object_);
  }

  parameter bound() const {
    if (type_) return {object_, type_, {}};
    return {nullptr, nullptr, *static_cast<const std::string*>(object_)};
  }

 private:
  template <class T>
  void keep(T&& value) {
    object_ = new T(static_cast<T&&>(value));
    copy_ = [](const void* p) -> void* { return new T(*static_cast<const T*>(p)); };
    destroy_ = [](void* p) { delete static_cast<T*>(p); };
  }

  void* object_ = nullptr;
  void* (*copy_)(const void*) = nullptr;
  void (*destroy_)(void*) = nullptr;
  const type_info* type_ = nullptr;  // null: text
};

}  // namespace detail

// A name of a table or column in double quotes. Throws storage_error, statement, where it is not
// made of 1 to 63 letters, digits and underscores without a digit in front. Which names a stranger
// may choose is for the program to say: by an enum in its query<T>, for example.
std::string quoted_name(std::string_view name);

// A statement in pieces. Each piece is a literal whose own $1 to $N are bound to the values beside
// it, as everywhere; values are copied, and never become part of the text. Pieces are joined with a
// space. A name that is not known to the compiler comes in through add_name alone.
//   aft::sql_text q("select * from note where owner = $1", me);
//   if (f.title) q.add("and title = $1", *f.title);
//   q.add("order by").add_name(column).add("limit $1", 20);
//   auto notes = db.all<note>(q);
// Statements are kept prepared by their text, some hundreds for each connection, so there should be
// fewer shapes than that: let values vary, not texts.
class sql_text {
 public:
  sql_text() = default;
  template <class... Args>
  explicit sql_text(std::type_identity_t<sql_of<sizeof...(Args)>> piece, const Args&... values) {
    add<Args...>(piece, values...);
  }

  template <class... Args>
  sql_text& add(std::type_identity_t<sql_of<sizeof...(Args)>> piece, const Args&... values) {
    add_piece(piece.text());
    (values_.emplace_back(values), ...);
    return *this;
  }
  sql_text& add(const sql_text& piece);
  sql_text& add_name(std::string_view name);  // quoted_name(name)

  bool empty() const { return text_.empty(); }
  std::string_view text() const { return text_; }
  std::vector<detail::parameter> values() const;  // they point into this object

 private:
  void add_piece(std::string_view piece);

  std::string text_;
  std::vector<detail::kept_value> values_;
};

}  // namespace aft
