#include "conduit.hpp"

namespace conduit {
namespace {

// What RealWorld's clients read of a refusal, and the status of what does not fit.
struct error_body {
  std::map<std::string, std::vector<std::string>> errors;
};
constexpr int misfit = 422;

bool is_blank(const aft::field_error& e) {
  return e.code == "missing" || e.code == "check" ||
         (e.code == "length" && e.detail == "must not be empty");
}

aft::response write_problem(const aft::problem& p, const aft::request&) {
  error_body body;
  for (const auto& e : p.errors) {
    const auto field = e.pointer.substr(e.pointer.rfind('/') + 1);
    const auto& why = is_blank(e) ? "can't be blank" : e.detail;
    body.errors[field.empty() ? "body" : field].push_back(why);
  }
  if (body.errors.empty()) body.errors[p.code.empty() ? "body" : p.code].push_back(p.detail);
  const int status = p.status == 400 ? misfit : p.status;
  return {status, aft::json::write(body), "application/json; charset=utf-8"};
}

}  // namespace

// Any page may call: callers are known by tokens, which no browser sends by itself.
aft::app_options options() {
  return {.database = "conduit.db",
          .access = {.origins = {"*"}},
          .log = aft::log_to_stderr(),
          .least_log_level = aft::log_level::warning};
}

aft::api_info about() {
  return {
      .title = "Conduit",
      .version = "1.1.0",
      .description = "The RealWorld API, on aft.",
      .contact = {"RealWorld", "https://realworld-docs.netlify.app/"},
      .license = {"MIT License", "https://opensource.org/licenses/MIT"},
      .tags = {{"User and Authentication", "Accounts and their tokens."},
               {"Profile", "Accounts as others see them."},
               {"Articles", "Texts, their tags, and who likes them."},
               {"Comments", "What is said of them."}},
      .security_schemes = {{.name = "Token",
                            .in = aft::security_scheme::kind::header,
                            .parameter = "Authorization",
                            .description = "`Token ` and what registering or logging in gave."}},
      .problems = aft::problems_as<error_body>("application/json", misfit)};
}

void define(aft::app& app, keys& k) {
  app.state(k);
  app.state(k.comments);
  define_schema(app, k);
  define_accounts(app);
  define_articles(app);
  define_comments(app);
  app.on_problem(write_problem);
  app.document(about());
  app.serve_health();
  app.serve_metrics();
}

}  // namespace conduit
