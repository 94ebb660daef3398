#pragma once
// Lets in whoever knows the token of this run, and the pages that such a one has opened.

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/clock.hpp>
#include <aft/ground/random.hpp>

#include "call.hpp"

namespace aft::http {

// Any thread.
class token_gate {
 public:
  explicit token_gate(const clock& time) : time_(time) {}
  token_gate(const token_gate&) = delete;
  token_gate& operator=(const token_gate&) = delete;

  const std::string& token() const { return token_; }

  // What "/?aft_token=" is followed by to open the path in a browser: once, within a minute.
  std::string make_ticket(std::string path);

  // By the head of the request. False: the call has its answer.
  bool lets_in(call& c);

 private:
  struct ticket {
    std::string word, path;
    time_point until;
  };
  bool is_known(const call& c) const;
  std::optional<std::string> redeem(std::string_view word);

  const clock& time_;
  const std::string token_ = random_token();
  const std::string cookie_ = random_token();
  std::mutex mutex_;
  std::vector<ticket> tickets_{};  // guarded by mutex_; the oldest first
};

}  // namespace aft::http
