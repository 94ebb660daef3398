#pragma once
// Webhooks that go out: told in a transaction, and delivered by jobs until they are taken.
//
//   app.post("/orders", [](aft::body<order> in, aft::transaction& tx, aft::webhooks& hooks) {
//     ...
//     hooks.send(tx, "order.paid", paid);  // to all endpoints that want to know
//   });

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/client/http_client.hpp>
#include <aft/ground/function.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/time.hpp>
#include <aft/jobs/handler.hpp>
#include <aft/storage/sealed.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

struct webhook_endpoint {
  std::int64_t id = 0;
  std::string url{};
  std::vector<std::string> types{};  // of the messages that it gets; empty: all
  bool is_enabled = true;
  std::optional<std::string> why_disabled{};
  std::optional<time_point> failing_since{};  // without a success in between
  time_point created_at{};
};

enum class webhook_state : std::uint8_t { waiting, delivered, given_up };

// One message to one endpoint.
struct webhook_delivery {
  std::int64_t id = 0;
  std::string message_id{};  // "msg_...": the same for all endpoints and attempts
  std::string type{};
  webhook_state state = webhook_state::waiting;
  int attempts = 0;
  int status = 0;                      // of the last answer; 0: there was none
  std::optional<std::string> error{};  // of the last attempt
  time_point created_at{};
  std::optional<time_point> done_at{};
};

struct webhook_options {
  const key_ring* keys = nullptr;     // seals the secrets of endpoints; null: no webhooks
  duration timeout = seconds(20);     // of an attempt
  std::size_t max_bytes = 256 << 10;  // of a message; best is less than 20 KB
  // An endpoint that has failed for so long, whatever it was sent, is disabled.
  duration disable_after = days(5);
  duration keep = days(30);  // messages and what became of them

  // Endpoints are named by strangers, so they must have https and an address of the open internet.
  bool unsafe_http = false;
  std::vector<std::string> also_allowed{};  // networks: "10.1.0.0/16"
  std::string authorities{};                // a file of PEM certificates; empty: the system's

  // Called after an endpoint was disabled because of its answers, by the job; may block.
  function<void(const webhook_endpoint&)> on_disabled{};
};

// Standard Webhooks 1.0: signed, and tried ten times over three days: at once, then after 5 s, 5
// min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, or a longer Retry-After of up to a day. A 2xx
// answer is a success; a redirect is none, and 410 disables the endpoint. Any thread.
//
// Made by an app with app_options::webhooks; handlers and jobs take a webhooks&.
class webhooks {
 public:
  explicit webhooks(webhook_options options, const clock& time);  // throws configuration_error
  webhooks(const webhooks&) = delete;
  webhooks& operator=(const webhooks&) = delete;
  ~webhooks();

  struct added_endpoint {
    std::int64_t id = 0;
    std::string secret{};  // "whsec_...", for its owner; it is not to be had again
  };
  // Nothing where the URL is none that would be asked. Where it leads is looked at when it is.
  std::optional<added_endpoint> add(transaction& tx, const std::string& url,
                                    const std::vector<std::string>& types = {}) const;

  // A new secret; the old one signs as well for `both`. Nothing where there is no such endpoint.
  std::optional<std::string> rotate_secret(transaction& tx, std::int64_t endpoint,
                                           duration both = days(1)) const;

  // These return false where there is none such.
  bool enable(transaction& tx, std::int64_t endpoint) const;
  bool disable(transaction& tx, std::int64_t endpoint, std::string_view why) const;
  bool remove(transaction& tx, std::int64_t endpoint) const;

  std::vector<webhook_endpoint> endpoints(reader& db) const;
  // The newest first, older than `before` where that is not 0.
  std::vector<webhook_delivery> deliveries(reader& db, std::int64_t endpoint,
                                           std::int64_t limit = 50, std::int64_t before = 0) const;

  // Tells all enabled endpoints that want messages of the type, when the transaction commits. The
  // body is {"type":...,"timestamp":...,"data":...}. The id of the message. Throws error where it
  // is larger than max_bytes.
  template <class T>
  std::string send(transaction& tx, std::string_view type, const T& data) const {
    return store(tx, type, json::write(data));
  }

  // Delivers it once more, with the same id and a new signature; false where there is no such
  // delivery, or it waits anyway.
  bool replay(transaction& tx, std::int64_t delivery) const;

  jobs::handler handler() const;  // of the job that delivers; for the app

 private:
  std::string store(transaction& tx, std::string_view type, std::string&& data) const;

  class impl;
  impl* impl_;
};

}  // namespace aft
