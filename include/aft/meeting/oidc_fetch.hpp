#pragma once
// Lets a client of OpenID Connect ask its provider by an aft::http_client.

#include <aft/auth/oidc.hpp>
#include <aft/client/http_client.hpp>

namespace aft {

// The client must outlive it. It should follow no redirects, and go to https alone.
//   const aft::http_client web({.https_only = true});
//   aft::oidc_client login({...}, ring, aft::fetch_with(web), app.time());
oidc_fetch fetch_with(const http_client& client);

}  // namespace aft
