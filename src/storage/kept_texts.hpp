#pragma once
// SQL texts that a connection keeps for as long as they are asked for.

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace aft::storage {

class connection;

// At most `limit`; the one that was not asked for the longest goes first. One thread at a time.
class kept_texts {
 public:
  static constexpr std::size_t limit = 256;

  // The same text at an address of its own.
  std::string_view keep(std::string_view text, connection& of);

 private:
  std::list<std::string> texts_;  // the last that was asked for is the first
  std::unordered_map<std::string_view, std::list<std::string>::iterator> places_;
};

}  // namespace aft::storage
