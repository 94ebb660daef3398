#pragma once
// A text that must not be read by those who see logs, answers and dumps.

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <aft/ground/type.hpp>

namespace aft {

// text() is the only way to it. To print it or to bind it to a statement does not compile. In logs,
// JSON and settings that are shown it is "***", and "" where it is empty. It can be read from JSON,
// rows and settings. What would be stored, a row or the arguments of a job, must not hold one:
// that throws aft::error. Its memory is wiped. Compared in constant time.
class secret {
 public:
  secret() = default;
  secret(std::string text) : text_(text) { wipe(text); }
  secret(const char* text) : text_(text) {}
  secret(const secret&) = default;
  secret(secret&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
  secret& operator=(secret other) noexcept {
    text_.swap(other.text_);
    return *this;
  }
  ~secret() { wipe(text_); }

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  std::size_t size() const { return text_.size(); }

  friend bool operator==(const secret& a, const secret& b) { return equal(a, b); }

 private:
  static void wipe(std::string& text) noexcept;
  static bool equal(const secret& a, const secret& b);

  std::string text_{};
};

template <>
struct codec<secret> {
  static constexpr bool is_secret = true;
  using written_as = std::string;
  static std::string encode(const secret& s) { return s.empty() ? "" : "***"; }
  static std::optional<secret> decode(std::string&& text, std::string&) {
    return secret(std::move(text));
  }
};

namespace detail {
// Whether a value of this type holds one somewhere.
bool holds_secret(const type_info& type);
}  // namespace detail

}  // namespace aft
