#pragma once
// The RealWorld API (https://realworld-docs.netlify.app) as a program on aft.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <aft/aft.hpp>

namespace conduit {

struct keys {
  // Signs the tokens that clients hold, by a key made at the first start and kept in the database.
  std::optional<aft::token_signer> tokens;
  aft::event_feed comments{};  // that are new, for who looks on; of this process
};

// Registers everything: schema, routes under /api, jobs, documents. `keys` outlives the app.
void define(aft::app& app, keys& k);
aft::app_options options();
aft::api_info about();  // what stands above its document

// What a job is to count after an article is published or changed.
struct count_article {
  std::int64_t id;
};

// The parts.
void define_schema(aft::app& app, keys& k);
void define_errors(aft::app& app);
void define_accounts(aft::routes& api);
void define_profiles(aft::routes& api);
void define_articles(aft::routes& api);
void define_comments(aft::routes& api);
void define_article_jobs(aft::app& app);
void define_comment_jobs(aft::app& app);

// What RealWorld's clients read of a refusal, and the status of what does not fit.
struct error_body {
  std::map<std::string, std::vector<std::string>> errors;
};
constexpr int misfit = 422;

// A refusal in RealWorld's form: {"errors": {"article": ["not found"]}}.
inline aft::problem refuse(int status, std::string what, std::string why) {
  return {.status = status, .detail = std::move(why), .code = std::move(what)};
}

}  // namespace conduit
