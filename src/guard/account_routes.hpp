#pragma once
// The routes of accounts.

#include <aft/http/routes.hpp>

#include "account_service.hpp"

namespace aft::guarding {

// What the owner of an account sees of it.
struct account_view {
  std::int64_t id;
  std::string email;
  bool verified;
  std::vector<std::string> roles;
};
account_view show_account(const auth::account& a);

// What somebody sees who has to show a second factor, too.
struct second_step_view {
  bool second_factor_needed = true;
};

// An answer that sets the cookies of somebody who has logged in, or by half (202).
struct signed_in_answer {
  account_view view;
  std::vector<std::string> cookies;
  bool awaits_second = false;
  static constexpr http::result_info answer_info{http::content::json, &type_of<account_view>, 200,
                                                 false};
  void answer(http::call& c) &&;
};

// JSON, below accounts::api. The guard and the service outlive the routes.
void add_account_routes(routes& app, const guard& g, const account_service& service);

// Pages, below accounts::pages.
void add_account_pages(routes& app, const guard& g, const account_service& service);

}  // namespace aft::guarding
