// Signatures that nobody here made: those of RFC 7520, and Wycheproof's, by which other libraries
// were broken. Whatever is called invalid must be refused, whatever is valid and of our four
// algorithms accepted.

#include <set>
#include <vector>

#include <aft/auth/jws.hpp>
#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/random.hpp>

#include "vectors.hpp"

namespace {

int failures = 0, accepted = 0, refused = 0, not_ours = 0, contradictions = 0;

void count(bool is_right, bool was_accepted, const std::string& what) {
  ++(was_accepted ? accepted : refused);
  if (is_right) return;
  ++failures;
  std::cerr << "wrong: " << what << " is " << (was_accepted ? "accepted" : "refused") << "\n";
}

template <class T>
T read_file(const std::filesystem::path& file) {
  auto value = aft::json::read<T>(vectors::read(file), {.ignore_unknown = true});
  if (value) return *std::move(value);
  std::cerr << file << " is not as expected: " << value.reason().front().pointer << "\n";
  std::exit(1);
}

// ---- whole tokens

struct jws_test {
  int tcId;
  std::string comment, result;
  aft::raw_json jws;
};
struct jws_group {
  std::optional<aft::raw_json> public_key, private_key;
  std::vector<jws_test> tests;
  static void rules(aft::rules<jws_group>& r) {
    r(&jws_group::public_key).name("public");
    r(&jws_group::private_key).name("private");
  }
};
struct jws_file {
  std::vector<jws_group> testGroups;
};

void try_tokens(const std::filesystem::path& folder) {
  for (const auto& group :
       read_file<jws_file>(folder / "json_web_signature_test.json").testGroups) {
    // Two cases that are called invalid are byte for byte a valid one of the same key.
    std::set<std::string> valid;
    for (const auto& test : group.tests) {
      if (test.result == "valid") valid.insert(test.jws.text);
    }
    const auto& jwk = group.public_key ? group.public_key : group.private_key;
    const auto key = aft::verification_key::from_jwk(jwk->text);
    for (const auto& test : group.tests) {
      const auto jws = aft::json::read<std::string>(test.jws.text);  // others are a JSON form
      const bool is_accepted = key && jws && aft::verify_text(*jws, aft::jwk_set({*key}), 1 << 20);
      const bool contradicts = test.result == "invalid" && valid.count(test.jws.text);
      const bool is_free = test.result == "acceptable" || test.tcId == 372 || test.tcId == 373 ||
                           (contradicts && is_accepted);
      contradictions += contradicts;
      if (test.result == "valid" && !key) {
        ++not_ours;  // RS384, PS256, P-521 and the like
        continue;
      }
      count(is_free || is_accepted == (test.result == "valid"), is_accepted,
            "token " + std::to_string(test.tcId) + " (" + test.comment + ")");
    }
  }
}

// ---- bare signatures, put into tokens

struct bare_test {
  int tcId;
  std::string comment, msg, result;
  std::optional<std::string> sig, key, tag;
};
struct bare_group {
  std::optional<aft::raw_json> publicKeyJwk, publicKey;
  std::optional<int> tagSize;
  std::vector<bare_test> tests;
};
struct bare_file {
  std::vector<bare_group> testGroups;
};

std::string bytes_of(const std::string& hex) {
  std::string bytes;
  if (!aft::from_hex(hex, bytes)) std::exit(1);
  return bytes;
}

// Groups without a JWK say the point: 04, x, y.
std::string jwk_of(const bare_group& group) {
  if (group.publicKeyJwk) return group.publicKeyJwk->text;
  struct point {
    std::string uncompressed;
  };
  const auto p = aft::json::read<point>(group.publicKey->text, {.ignore_unknown = true});
  const auto bytes = bytes_of(p->uncompressed);
  return R"({"kty":"EC","crv":"P-256","x":")" + aft::to_base64url(bytes.substr(1, 32)) +
         R"(","y":")" + aft::to_base64url(bytes.substr(33)) + "\"}";
}

void try_signatures(const std::filesystem::path& file) {
  for (const auto& group : read_file<bare_file>(file).testGroups) {
    const auto key = aft::verification_key::from_jwk(jwk_of(group));
    for (const auto& test : group.tests) {
      const bool is_accepted = key && key->verify(bytes_of(test.msg), bytes_of(*test.sig));
      count(test.result == "acceptable" || is_accepted == (test.result == "valid"), is_accepted,
            file.filename().string() + " " + std::to_string(test.tcId) + " (" + test.comment + ")");
    }
  }
}

void try_codes(const std::filesystem::path& file) {
  for (const auto& group : read_file<bare_file>(file).testGroups) {
    if (group.tagSize != 256) continue;  // JOSE cuts nothing off
    for (const auto& test : group.tests) {
      const auto code = aft::hmac_sha256(bytes_of(*test.key), bytes_of(test.msg));
      const bool is_accepted = aft::equal_in_constant_time(code, bytes_of(*test.tag));
      count(is_accepted == (test.result == "valid"), is_accepted,
            "code " + std::to_string(test.tcId));
    }
  }
}

// ---- the cookbook of RFC 7520

struct cookbook_input {
  std::string payload;
  aft::raw_json key;
  std::string alg;
};
struct cookbook_output {
  std::optional<std::string> compact;
};
struct cookbook {
  std::string title;
  aft::raw_json input;
  cookbook_output output;
};

void try_cookbook(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto example = read_file<cookbook>(entry.path());
    const auto input =
        aft::json::read<cookbook_input>(example.input.text, {.ignore_unknown = true});
    if (!input || !example.output.compact) {
      ++not_ours;  // several signers, or no compact form
      continue;
    }
    const auto key = aft::verification_key::from_jwk(input->key.text);
    if (!key || aft::to_string(key->algorithm()) != input->alg) {
      ++not_ours;
      continue;
    }
    const auto text = aft::verify_text(*example.output.compact, aft::jwk_set({*key}));
    // A payload that is not in the token is not in the text either.
    const bool is_detached = example.output.compact->find("..") != std::string::npos;
    count(is_detached ? !text : text && text->payload == input->payload, bool(text),
          "example " + example.title);
  }
}

}  // namespace

int main() {
  const auto folder = vectors::folder("jose");
  try_tokens(folder);
  try_signatures(folder / "ecdsa_secp256r1_sha256_p1363_test.json");
  try_signatures(folder / "ed25519_test.json");
  try_codes(folder / "hmac_sha256_test.json");
  try_cookbook(folder / "jws");
  std::cout << accepted << " accepted, " << refused << " refused, " << not_ours
            << " of algorithms that are not ours, " << failures << " wrong\n";
  return failures || contradictions > 2 || accepted < 300 || refused < 400 ? 1 : 0;
}
