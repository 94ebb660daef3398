#pragma once
// JSON of the API document, member by member.

#include <charconv>
#include <string_view>

#include <aft/ground/json.hpp>

namespace aft::http {

// Puts the commas itself. One thread at a time.
class document_writer {
 public:
  void open(char bracket) {
    separate();
    out_.append(bracket);
    first_ = true;
  }
  void open(std::string_view key, char bracket) {
    name(key);
    out_.append(bracket);
    first_ = true;
  }
  void close(char bracket) {
    out_.append(bracket);
    first_ = false;
  }
  void name(std::string_view key) {
    separate();
    json::write_string(out_, key);
    out_.append(':');
    first_ = true;  // what follows is its value
  }
  void text(std::string_view value) {
    separate();
    json::write_string(out_, value);
  }
  void member(std::string_view key, std::string_view value) {
    name(key);
    text(value);
  }
  void member_unless_empty(std::string_view key, std::string_view value) {
    if (!value.empty()) member(key, value);
  }
  void raw(std::string_view json) {
    separate();
    out_.append(json);
  }
  // For a value that is written by others.
  buffer& value() {
    separate();
    return out_;
  }
  std::string_view view() const { return out_.view(); }

 private:
  void separate() {
    if (!first_) out_.append(',');
    first_ = false;
  }

  buffer out_;
  bool first_ = true;
};

}  // namespace aft::http
