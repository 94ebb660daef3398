#pragma once
// Lets in whoever knows the token of this run, and the pages that such a one has opened.

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/clock.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/random.hpp>

#include "call.hpp"

namespace aft::http {

// Any thread.
class token_gate {
 public:
  explicit token_gate(const clock& time) : time_(time) {}
  token_gate(const token_gate&) = delete;
  token_gate& operator=(const token_gate&) = delete;

  std::string token() const;
  std::string page_host() const;  // under which a ticket counts

  // Forgets whom it knew: all of it is made anew.
  void renew();

  // What "/?aft_token=" is followed by to open the path in a browser: once, within a minute.
  std::string make_ticket(std::string path);

  // By the head of the request. False: the call has its answer.
  bool lets_in(call& c);

 private:
  struct ticket {
    std::string word, path;
    time_point until;
  };
  struct secrets {
    std::string token = random_token();
    std::string cookie = random_token();
    // Long enough that nobody guesses it, short enough for a label of a host name.
    std::string page_host = to_hex(random_bytes(16)) + ".localhost";
    std::vector<ticket> tickets{};  // the oldest first
  };
  bool is_known(const call& c) const;
  std::string cookie() const;
  bool is_at_page_host(const call& c) const;
  std::optional<std::string> redeem(std::string_view word);

  const clock& time_;
  mutable std::mutex mutex_;
  secrets known_{};  // guarded by mutex_
};

}  // namespace aft::http
