// Access tokens for programs: JSON Web Tokens with a scope and an end, public keys for those who
// check them elsewhere, and an argument of handlers that takes who asks.
//
// Run it: build/release/examples/12_tokens/tokens, and then:
//
//   $ curl -s localhost:8080/notes | cut -d, -f2-4
//   "title":"Unauthorized","status":401,"detail":"no token"}
//   $ echo '{"client":"reader","secret":"blue whale"}' > me
//   $ echo "Authorization: Bearer $(curl -s localhost:8080/token --json @me)" > token
//   $ curl -s localhost:8080/notes -H @token; echo
//   ["for reader"]
//   $ curl -s -X DELETE localhost:8080/notes -H @token | cut -d, -f3-4
//   "status":403,"detail":"the token is not for notes:write"}
//   $ curl -s localhost:8080/notes -H "$(cat token)x" | cut -d, -f3-4
//   "status":401,"detail":"malformed"}
//   $ curl -s localhost:8080/.well-known/jwks.json | cut -d, -f1,2
//   {"keys":[{"kty":"OKP","alg":"EdDSA"
#include <algorithm>

#include <aft/aft.hpp>

struct keyring {
  aft::clock time{};
  // A program with more than one process, or that starts again, reads its key from a file.
  aft::token_issuer tokens{{.issuer = "http://localhost:8080", .audience = "notes"},
                           {{aft::signing_key::make(aft::jws_algorithm::eddsa, "2026-01")}}};
};

struct caller {
  std::string name;
  std::vector<std::string> scopes;

  void need(std::string_view scope) const {
    if (std::find(scopes.begin(), scopes.end(), scope) != scopes.end()) return;
    throw aft::problem{403, "the token is not for " + std::string(scope)};
  }
};

template <>
struct aft::from_request<caller> {  // before the body is read, whatever the order of the arguments
  static constexpr aft::security security{"bearer"};
  static aft::result<caller, aft::problem> from(
      aft::header<"Authorization", std::optional<std::string>> given, const keyring& keys) {
    if (!given.value || !given.value->starts_with("Bearer ")) return problem{401, "no token"};
    auto found = keys.tokens.verify(given.value->substr(7), keys.time.now());
    if (!found) return problem{401, std::string(to_string(found.reason()))};
    return caller{std::move(found->subject), std::move(found->scopes)};
  }
};

struct credentials {
  std::string client, secret;
};

int main() {
  keyring keys;
  const auto stored = aft::hash_password("blue whale");  // all that a database would hold of it
  aft::app app;
  app.state(keys);

  app.post("/token", aft::blocking([stored](aft::body<credentials> in, const keyring& k) {
             if (in->client != "reader" || !aft::verify_password(stored, in->secret)) {
               throw aft::problem{401, "no such client, or another secret"};
             }
             return k.tokens.issue({.subject = in->client, .scopes = {"notes:read"}}, k.time.now());
           }));
  app.get("/notes", [](const caller& who) {
    who.need("notes:read");
    return std::vector<std::string>{"for " + who.name};
  });
  app.del("/notes", [](const caller& who) { who.need("notes:write"); });
  aft::add_jwks_route(app, keys.tokens, keys.time);
  app.run({.port = 8080});
}
