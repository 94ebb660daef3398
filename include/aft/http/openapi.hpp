#pragma once
// The API document, OpenAPI 3.1: what stands in it beside the routes, and what may not change.

#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/type.hpp>

namespace aft {

struct api_server {
  std::string url;
  std::string description{};
};
struct api_tag {
  std::string name;
  std::string description{};  // Markdown
};
struct api_contact {
  std::string name{}, url{}, email{};
};
struct api_license {
  std::string name{};  // empty: none is named
  std::string url{};
};

// How a request shows who asks. Routes refer to it by name, see aft::security.
struct security_scheme {
  enum class kind {
    bearer,   // Authorization: Bearer ...
    basic,    // Authorization: Basic ...
    header,   // a header of that name
    cookie,   // a cookie of that name
    query,    // a parameter of that name; proxies and logs see it
    open_id,  // OpenID Connect; the name is its discovery URL
  };
  std::string name;
  kind in = kind::bearer;
  std::string parameter{};      // the name of the header, the cookie, ...
  std::string bearer_format{};  // "JWT", for people
  std::string description{};    // Markdown
};

// The form of refusals: RFC 9457, or what app::on_problem writes instead.
struct problem_form {
  const type_info& (*type)() = nullptr;  // null: aft::problem as RFC 9457 says
  std::string media = "application/problem+json";
  int misfit = 400;  // the status of requests that do not fit, where app::on_problem has another
};
template <class T>
problem_form problems_as(std::string media = "application/json", int misfit = 400) {
  return {&type_of<T>, std::move(media), misfit};
}

struct api_info {
  std::string title = "API";
  std::string version = "1";
  std::string description{};  // Markdown
  std::string document_path = "/openapi.json";
  std::string page_path = "/docs";  // a page that shows it, without any network; empty: none
  std::string summary{}, terms_of_service{};
  api_contact contact{};
  api_license license{};
  std::vector<api_server> servers{};  // none: wherever the document comes from
  std::vector<api_tag> tags{};        // in the order of the page; those that routes name are added
  std::vector<security_scheme> security_schemes{};  // those not described are bearer tokens
  problem_form problems{};
};

// What in the document `after` breaks clients that were written for `before`: a sentence a line, in
// the order of the paths; empty where nothing does. Both are OpenAPI 3.x in JSON; throws aft::error
// where one is not. It is about routes and operation ids, parameters and bodies that ask for more,
// answers that promise less, and security; it follows "$ref" within the document.
std::string breaking_changes(std::string_view before, std::string_view after);

// For a test of the host's, that its API keeps its promise. Empty if the document breaks nothing
// that the file's promised; else what breaks, and how to accept it. A file that is missing breaks
// nothing.
//   CHECK(aft::broken_contract("doc/openapi.json", app.openapi(info)) == "");
std::string broken_contract(const std::string& file, std::string_view document);

}  // namespace aft
