#include <aft/meeting/oidc_fetch.hpp>

namespace aft {
namespace {

constexpr std::size_t max_provider_answer = 256 * 1024;

}  // namespace

oidc_fetch fetch_with(const http_client& client) {
  return [&client](const oidc_request& what) -> oidc_answer {
    http_request r;
    r.method = what.method;
    r.url = what.url;
    r.body = what.form;
    r.max_body_bytes = max_provider_answer;
    r.headers.emplace_back("Accept", "application/json");
    if (!what.authorization.empty()) r.headers.emplace_back("Authorization", what.authorization);
    if (what.method == "POST") {
      r.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    }
    auto answer = client.send(std::move(r));
    if (!answer) return {};
    return {answer->status, std::move(answer->body)};
  };
}

}  // namespace aft
