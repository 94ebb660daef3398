#include "conduit.hpp"

namespace conduit {
namespace {

// Parts of the contract that the library does not serve yet.
aft::problem not_built() { return {.status = 501, .detail = "this part is not built yet"}; }

}  // namespace

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
  app.get("/healthz/live", [] { return "live\n"; }).hidden();
  app.get("/healthz/ready",
          [](aft::reader& db) {
            db.one<int>("select 1");
            return "ready\n";
          })
      .hidden();
  app.get("/metrics", [] { return not_built(); }).hidden();
}

}  // namespace conduit
