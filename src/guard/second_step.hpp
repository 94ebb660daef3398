#pragma once
// The second step of a log-in, where an account has a second factor.

#include <string_view>

#include "account_news.hpp"
#include "signed_in.hpp"

namespace aft::guarding {

// Any thread. The guard and the news outlive it.
class second_step {
 public:
  second_step(const guard& g, const account_news& news) : guard_(g), news_(news) {}

  bool is_due(reader& db, std::int64_t account) const;

  // With a code of the authenticator app, or a recovery code. The session that awaited it ends, and
  // another begins. The transaction must commit in any case, so that wrong codes count.
  result<signed_in, problem> enter(const request& r, std::string_view code, transaction& tx) const;

 private:
  // Nothing: it was right.
  std::optional<problem> take(const request& r, const auth::account& who, std::string_view code,
                              transaction& tx) const;

  const guard& guard_;
  const account_news& news_;
};

}  // namespace aft::guarding
