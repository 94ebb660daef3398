#pragma once
// Lets in who has logged in elsewhere.

#include <aft/auth/oidc.hpp>

#include "account_news.hpp"
#include "second_step.hpp"

namespace aft::guarding {

// Any thread. All that it is given outlives it.
class provider_login {
 public:
  provider_login(const guard& g, const account_news& news, const second_step& second)
      : guard_(g), news_(news), second_(second) {}

  // As by its password: with a second factor where there is one, and a session of its own.
  result<signed_in, problem> enter(const request& r, const oidc_identity& who,
                                   transaction& tx) const;

 private:
  result<auth::account, problem> account_for(const request& r, const oidc_identity& who,
                                             transaction& tx) const;
  result<auth::account, problem> add(const request& r, const oidc_identity& who,
                                     transaction& tx) const;

  const guard& guard_;
  const account_news& news_;
  const second_step& second_;
};

}  // namespace aft::guarding
