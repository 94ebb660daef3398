#pragma once
// The RealWorld API (https://realworld-docs.netlify.app) as a program on aft.

#include <cstdint>
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

// Mails everybody on Mondays what those they follow have written; the app needs .mail for it.
void define_digest(aft::app& app);

// The parts.
void define_schema(aft::app& app, keys& k);
void define_accounts(aft::app& app);  // and profiles
void define_articles(aft::app& app);
void define_comments(aft::app& app);

// An account as others see it.
struct profile_view {
  std::string username;
  std::optional<std::string> bio, image;
  bool following;
};

struct article_key {
  std::int64_t id, author;
};
article_key find_article(aft::reader& db, const std::string& slug);  // throws the problem 404

// A refusal in RealWorld's form: {"errors": {"article": ["not found"]}}.
inline aft::problem refuse(int status, std::string what, std::string why) {
  return {.status = status, .detail = std::move(why), .code = std::move(what)};
}

// Who asks, made from the Authorization header: a handler that takes a viewer is signed in.
struct viewer {
  std::int64_t id;
};
// Anybody; id 0 is nobody's. Who shows a token that is none is told so.
struct maybe_viewer {
  std::int64_t id = 0;
};

using authorization = aft::header<"Authorization", std::optional<std::string>>;
aft::result<maybe_viewer, aft::problem> who(const authorization& header, const keys& k,
                                            aft::reader& db);

}  // namespace conduit

template <>
struct aft::from_request<conduit::maybe_viewer> {
  static constexpr aft::security security{"Token", false};
  static constexpr aft::answer_note answers[] = {{401, "The token is invalid."}};
  static aft::result<conduit::maybe_viewer, aft::problem> from(conduit::authorization header,
                                                               const conduit::keys& k,
                                                               aft::reader& db) {
    return conduit::who(header, k, db);
  }
};

template <>
struct aft::from_request<conduit::viewer> {
  static constexpr aft::security security{"Token"};
  static aft::result<conduit::viewer, aft::problem> from(conduit::authorization header,
                                                         const conduit::keys& k, aft::reader& db) {
    const auto known = conduit::who(header, k, db);
    if (!known) return known.reason();
    if (!known->id) return conduit::refuse(401, "token", "is missing");
    return conduit::viewer{known->id};
  }
};
