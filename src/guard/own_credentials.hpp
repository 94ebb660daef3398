#pragma once
// The second factors and API keys of accounts, as their owners look after them.

#include "../auth/credential_desk.hpp"
#include "account_news.hpp"

namespace aft::guarding {

// Any thread. The guard and the news outlive it.
class own_credentials {
 public:
  own_credentials(const guard& g, const account_news& news);

  credential_owner owner(const user& me) const;
  const auth::credential_desk& desk() const { return desk_; }

  // JSON, below accounts::api, as far as they are in use. This outlives the routes.
  void add_routes(const routes& api) const;

 private:
  credential_watch watch() const;

  const guard& guard_;
  const account_news& news_;
  const auth::credential_desk desk_;
  const owner_of_request whose_;
};

}  // namespace aft::guarding
