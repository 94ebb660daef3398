#pragma once
// Log-ins with accounts elsewhere.

#include <aft/http/routes.hpp>

#include "account_service.hpp"

namespace aft::guarding {

// For each of accounts::providers; throws configuration_error for one that cannot be. The guard and
// the service outlive the routes.
void add_oidc_routes(routes& app, const guard& g, const account_service& service);

// Links to them, for a page.
std::string provider_links(const accounts& options);

}  // namespace aft::guarding
