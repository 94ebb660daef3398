#pragma once
// A query alone, of somebody who does not wait for it: what database::ask makes of one.

#include <array>
#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <aft/ground/function.hpp>
#include <aft/storage/reader.hpp>
#include <aft/storage/row.hpp>
#include <aft/storage/sql.hpp>

namespace aft::storage {

// The engine's until it is told how it ended. One thread at a time.
class asked_query {
 public:
  using wake_up = function<void()>;

  asked_query(const asked_query&) = delete;
  asked_query& operator=(const asked_query&) = delete;
  virtual ~asked_query() = default;

  std::string_view text() const { return text_; }  // lives as long as the program
  std::span<const detail::parameter> values() const { return values_; }
  const row_target& rows() const { return rows_; }  // filled before it is told

  void tell(std::exception_ptr thrown) noexcept { to_wake_ = tell_asker(std::move(thrown)); }
  // Whom to wake when all that ended with it were told; null: nobody. Lives as long as this.
  const wake_up* to_wake() const { return to_wake_; }

 protected:
  asked_query(std::string_view text, const row_target& rows) : text_(text), rows_(rows) {}
  virtual const wake_up* tell_asker(std::exception_ptr thrown) noexcept = 0;

  std::span<const detail::parameter> values_{};

 private:
  std::string_view text_;
  row_target rows_;
  const wake_up* to_wake_ = nullptr;
};

// A copy of a value that is bound later.
template <class T>
using kept_as =
    std::conditional_t<std::is_convertible_v<const T&, std::string_view> && !detail::constrained<T>,
                       std::string, T>;

// With copies of its values, and its rows: all in one piece of memory.
template <class Row, class Done, class... Args>
class query_of final : public asked_query {
 public:
  template <class F>
  query_of(std::string_view text, F&& done, const Args&... args)
      : asked_query(text, {detail::row_type<Row>(), &found_, add, false}),
        done_(std::forward<F>(done)), args_(kept_as<Args>(args)...) {
    values_ = {bound_.data(), sizeof...(Args)};
  }

 private:
  static void* add(void* rows) { return &static_cast<std::vector<Row>*>(rows)->emplace_back(); }

  const wake_up* tell_asker(std::exception_ptr thrown) noexcept override {
    using result = std::invoke_result_t<Done&, std::vector<Row>&&, std::exception_ptr>;
    try {
      if (thrown) found_.clear();
      if constexpr (std::is_convertible_v<result, const wake_up*>) {
        return done_(std::move(found_), std::move(thrown));
      } else {
        done_(std::move(found_), std::move(thrown));
      }
    } catch (...) {  // it was to throw nothing
    }
    return nullptr;
  }

  std::vector<Row> found_{};
  Done done_;
  std::tuple<kept_as<Args>...> args_;
  std::array<detail::parameter, sizeof...(Args) + 1> bound_ = std::apply(
      [](const auto&... kept) {
        return std::array<detail::parameter, sizeof...(Args) + 1>{detail::bind_parameter(kept)...};
      },
      args_);
};

}  // namespace aft::storage
