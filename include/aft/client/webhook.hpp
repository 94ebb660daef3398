#pragma once
// Signs the webhooks that go out, and believes those that come in, as Standard Webhooks 1.0 says.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aft/ground/result.hpp>
#include <aft/ground/time.hpp>
#include <aft/http/message.hpp>

namespace aft {

enum class webhook_refusal : std::uint8_t {
  missing_id,         // no webhook-id
  missing_timestamp,  // no webhook-timestamp
  missing_signature,  // no webhook-signature
  bad_timestamp,      // it is no number of seconds
  too_old,
  too_new,
  wrong_signature,  // none of them is of one of our secrets
};

std::string_view to_string(webhook_refusal);

// What is signed is "id.timestamp.body" with HMAC-SHA-256 (signatures "v1"). Const from any thread.
//   app.post("/hook", [&hooks](const aft::request& r, aft::transaction& tx) {
//     const auto id = hooks.verify(r, tx.now());
//     if (!id) throw aft::unauthorized("this is signed by nobody we know");
//     ...  // the id is the same when it comes again
class webhook_signer {
 public:
  // Secrets as "whsec_" and base64 of 24 to 64 bytes; others throw error. Each signs, and any may
  // have signed: to change one, give the new and the old one until all know the new one.
  explicit webhook_signer(const std::vector<std::string>& secrets, duration tolerance = minutes(5));
  explicit webhook_signer(const std::string& secret, duration tolerance = minutes(5))
      : webhook_signer(std::vector<std::string>{secret}, tolerance) {}

  static std::string new_secret();  // of 32 random bytes

  // The three header lines of a message. `id` is the same each time it is sent, `now` is not.
  std::vector<std::pair<std::string, std::string>> sign(std::string_view id, time_point now,
                                                        std::string_view body) const;

  // The id, which tells a message that comes again. Compares in constant time.
  result<std::string, webhook_refusal> verify(const request& r, time_point now) const;

  // The same with the values of webhook-id, webhook-timestamp and webhook-signature, empty for
  // those that are not there.
  result<std::string, webhook_refusal> verify(std::string_view id, std::string_view timestamp,
                                              std::string_view signatures, std::string_view body,
                                              time_point now) const;

 private:
  std::string signature(std::string_view key, std::string_view id, std::string_view timestamp,
                        std::string_view body) const;

  std::vector<std::string> keys_;
  duration tolerance_;
};

}  // namespace aft
