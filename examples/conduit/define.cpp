#include "conduit.hpp"

namespace conduit {

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
  define_errors(app);

  auto accounts = app.group("/api", "User and Authentication");
  auto profiles = app.group("/api", "Profile");
  auto articles = app.group("/api", "Articles");
  auto comments = app.group("/api", "Comments");
  define_accounts(accounts);
  define_profiles(profiles);
  define_articles(articles);
  define_comments(comments);
  define_article_jobs(app);
  define_comment_jobs(app);

  app.document(about());
  app.serve_health();
  app.serve_metrics();
}

}  // namespace conduit
