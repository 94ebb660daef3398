#pragma once
// The API document, from the signatures of the handlers.

#include <string>

#include <aft/http/openapi.hpp>
#include <aft/http/routes.hpp>

#include "route_list.hpp"

namespace aft::http {

// OpenAPI 3.1 in JSON, of all routes that are not hidden.
std::string write_openapi(const route_list& list, const api_info& info);

// The routes that serve it, and its page. Both references outlive the routes.
void add_document_routes(routes& where, const route_list& list, const api_info& info);

}  // namespace aft::http
