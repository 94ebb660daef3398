#pragma once
// What is told of accounts: messages to their owners, and events for the logs.

#include <cstdint>
#include <string>
#include <string_view>

#include <aft/auth/credential_routes.hpp>

#include "guard.hpp"

namespace aft::guarding {

auth::visit visit_of(const request& r);

// Any thread. The guard outlives it.
class account_news {
 public:
  explicit account_news(const guard& g) : guard_(g), options_(g.options()) {}

  bool has_messages() const { return bool(options_.on_message); }

  // With a token, the link is to a page of ours.
  void send(transaction& tx, account_message_kind kind, std::string to, std::int64_t account,
            std::string_view page = {}, std::string token = {}, duration valid_for = {}) const;

  void note(transaction& tx, std::string_view name, std::int64_t account, const request& r,
            std::string target = {}) const;
  void note_alone(std::string_view name, std::int64_t account, const request& r) const;

  // Of a second factor or an API key: both.
  void credential_changed(transaction& tx, const request& r, const credential_change& what) const;

 private:
  bool is_heard() const { return options_.on_event || options_.audit; }

  const guard& guard_;
  const accounts& options_;
};

}  // namespace aft::guarding
