#pragma once
// The RealWorld API (https://realworld-docs.netlify.app) as a program on aft.

#include <optional>
#include <string>

#include <aft/aft.hpp>

namespace conduit {

// Signs the tokens that clients hold. The key is made at the first start and kept in the database.
struct keys {
  std::optional<aft::token_signer> tokens;
};

// Registers everything: schema, routes under /api, jobs, documents. `keys` outlives the app.
void define(aft::app& app, keys& k);

// The parts.
void define_schema(aft::app& app, keys& k);
void define_errors(aft::app& app);
void define_accounts(aft::routes& api);
void define_profiles(aft::routes& api);
void define_articles(aft::routes& api);
void define_comments(aft::routes& api);
void define_article_jobs(aft::app& app);

// A refusal in RealWorld's form: {"errors": {"article": ["not found"]}}.
inline aft::problem refuse(int status, std::string what, std::string why) {
  return {.status = status, .detail = std::move(why), .code = std::move(what)};
}

}  // namespace conduit
