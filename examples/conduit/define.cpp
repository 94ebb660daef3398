#include "conduit.hpp"

namespace conduit {
void define(aft::app& app, keys& k) {
  app.state(k);
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

  app.document({.title = "Conduit", .version = "1.0", .description = "The RealWorld API, on aft."});
  app.serve_health();
  app.serve_metrics();
}

}  // namespace conduit
