// The message that the libraries of Standard Webhooks are tested with.

#include <vector>

#include <aft/client/webhook.hpp>
#include <aft/ground/json.hpp>

#include "vectors.hpp"

namespace {

struct vector {
  std::string secret, id, payload, signature;
  std::int64_t timestamp;
};

struct attempt {
  const char* what;
  std::string id, timestamp, signature;
  std::int64_t later;  // seconds
  std::optional<aft::webhook_refusal> refusal;
};

}  // namespace

int main() {
  const auto file = vectors::folder("webhooks") / "standard-webhooks.json";
  const auto read = aft::json::read<vector>(vectors::read(file), {.ignore_unknown = true});
  if (!read) {
    std::cerr << "wrong: " << aft::json::write(read.reason()) << "\n";
    return 1;
  }
  const auto& v = *read;
  const aft::webhook_signer signer(v.secret);
  const aft::time_point sent(aft::seconds(v.timestamp));
  int failures = 0;
  const auto lines = signer.sign(v.id, sent, v.payload);
  if (lines[2].second != v.signature) {
    std::cerr << "signed as " << lines[2].second << "\n";
    ++failures;
  }
  using enum aft::webhook_refusal;
  const auto time = std::to_string(v.timestamp);
  const auto other = v.signature.substr(0, v.signature.size() - 4) + "ODE=";
  const std::vector<attempt> attempts = {
      {"as it is", v.id, time, v.signature, 0, {}},
      {"among others", v.id, time, "v2,abc " + other + " " + v.signature, 0, {}},
      {"missing id", "", time, v.signature, 0, missing_id},
      {"missing timestamp", v.id, "", v.signature, 0, missing_timestamp},
      {"non-numeric timestamp", v.id, "soon", v.signature, 0, bad_timestamp},
      {"missing signature", v.id, time, "", 0, missing_signature},
      {"wrong signature", v.id, time, other, 0, wrong_signature},
      {"another scheme", v.id, time, "v2" + v.signature.substr(2), 0, wrong_signature},
      {"without a scheme", v.id, time, v.signature.substr(3), 0, wrong_signature},
      {"of another id", "msg_1", time, v.signature, 0, wrong_signature},
      {"5 minutes old", v.id, time, v.signature, 300, {}},
      {"older", v.id, time, v.signature, 301, too_old},
      {"newer", v.id, time, v.signature, -301, too_new},
  };
  for (const auto& a : attempts) {
    const auto answer =
        signer.verify(a.id, a.timestamp, a.signature, v.payload, sent + aft::seconds(a.later));
    const bool right = a.refusal ? !answer && answer.reason() == *a.refusal : bool(answer);
    if (right) continue;
    std::cerr << "wrong: " << a.what << "\n";
    ++failures;
  }
  std::cout << attempts.size() + 1 << " cases, " << failures << " failures\n";
  return failures != 0;
}
