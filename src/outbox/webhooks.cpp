#include "webhooks.hpp"

#include <algorithm>

#include <aft/client/webhook.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>
#include <aft/jobs/job.hpp>

namespace aft {
namespace outbox {
namespace {

constexpr int calls_at_once = 4;  // of one endpoint

struct wanted_types {
  std::int64_t id;
  std::vector<std::string> types;
};

struct delivery_row {
  std::int64_t id;
  std::string name, type;
  std::uint8_t state;
  int attempts, status;
  std::optional<std::string> error;
  time_point created_at;
  std::optional<time_point> done_at;
};

std::string webhook_body(std::string_view type, time_point now, std::string_view data) {
  buffer out;
  out.append(R"({"type":)");
  json::write_string(out, type);
  out.append(R"(,"timestamp":)");
  json::write_string(out, to_rfc3339(now));
  out.append(R"(,"data":)");
  out.append(data);
  out.append("}");
  return std::string(out.view());
}

http_client_options client_options(const webhook_options& o, const clock& time) {
  return {.timeout = o.timeout,
          .attempt_timeout = o.timeout,
          .retries = 0,
          .breaker = {.least_calls = 0},
          .max_body_bytes = 64 << 10,
          .addresses = address_policy::open_internet,
          .also_allowed = o.also_allowed,
          .https_only = !o.unsafe_http,
          .authorities = o.authorities,
          .user_agent = "aft-webhooks",
          .time = &time};
}

}  // namespace

sealed_place secret_place(std::int64_t endpoint) {
  return {"aft_webhook_endpoint", "secret", std::to_string(endpoint)};
}
sealed_place old_secret_place(std::int64_t endpoint) {
  return {"aft_webhook_endpoint", "old_secret", std::to_string(endpoint)};
}

void enqueue_delivery(transaction& tx, std::int64_t delivery, std::int64_t endpoint) {
  enqueue(tx, deliver_webhook{delivery},
          {.max_attempts = 100,  // the schedule is its own
           .unique = std::to_string(delivery),
           .limit_key = "aft_webhook " + std::to_string(endpoint),
           .limit = calls_at_once});
}

}  // namespace outbox

class webhooks::impl {
 public:
  impl(webhook_options&& given, const clock& time)
      : options(std::move(given)), web(outbox::client_options(options, time)) {
    if (!options.keys) throw configuration_error("webhooks need .keys, to seal their secrets");
  }

  webhook_options options;
  http_client web;
};

webhooks::webhooks(webhook_options options, const clock& time)
    : impl_(new impl(std::move(options), time)) {}
webhooks::~webhooks() { delete impl_; }

std::optional<webhooks::added_endpoint> webhooks::add(transaction& tx, const std::string& url,
                                                      const std::vector<std::string>& types) const {
  if (!impl_->web.may_ask(url)) return {};
  const auto id = tx.one<std::int64_t>(
      "insert into aft_webhook_endpoint (url, types, is_enabled, created_at) "
      "values ($1, $2, $3, $4) returning id",
      url, types, true, tx.now());
  const auto secret = webhook_signer::new_secret();
  tx.execute("update aft_webhook_endpoint set secret = $2 where id = $1", id,
             impl_->options.keys->seal(secret, outbox::secret_place(id)));
  return added_endpoint{id, secret};
}

std::optional<std::string> webhooks::rotate_secret(transaction& tx, std::int64_t endpoint,
                                                   duration both) const {
  const auto& keys = *impl_->options.keys;
  const auto old =
      tx.find<sealed>("select secret from aft_webhook_endpoint where id = $1", endpoint);
  if (!old) return {};
  const auto before = keys.open(*old, outbox::secret_place(endpoint));
  auto secret = webhook_signer::new_secret();
  tx.execute(
      "update aft_webhook_endpoint set secret = $2, old_secret = $3, old_until = $4 where id = $1",
      endpoint, keys.seal(secret, outbox::secret_place(endpoint)),
      keys.seal(before.reveal(), outbox::old_secret_place(endpoint)), tx.now() + both);
  return secret;
}

bool webhooks::enable(transaction& tx, std::int64_t endpoint) const {
  return tx.execute(
             "update aft_webhook_endpoint set is_enabled = $2, why_disabled = null, "
             "failing_since = null where id = $1",
             endpoint, true) > 0;
}

bool webhooks::disable(transaction& tx, std::int64_t endpoint, std::string_view why) const {
  return tx.execute(
             "update aft_webhook_endpoint set is_enabled = $2, why_disabled = $3 where id = $1",
             endpoint, false, why) > 0;
}

bool webhooks::remove(transaction& tx, std::int64_t endpoint) const {
  return tx.execute("delete from aft_webhook_endpoint where id = $1", endpoint) > 0;
}

std::vector<webhook_endpoint> webhooks::endpoints(reader& db) const {
  return db.all<webhook_endpoint>(
      "select id, url, types, is_enabled, why_disabled, failing_since, created_at "
      "from aft_webhook_endpoint order by id");
}

std::vector<webhook_delivery> webhooks::deliveries(reader& db, std::int64_t endpoint,
                                                   std::int64_t limit, std::int64_t before) const {
  std::vector<webhook_delivery> found;
  for (auto& r : db.all<outbox::delivery_row>(
           "select d.id, m.name, m.type, d.state, d.attempts, d.status, d.error, d.created_at, "
           "d.done_at from aft_webhook_delivery d join aft_webhook_message m on m.id = d.message "
           "where d.endpoint = $1 and d.id < $2 order by d.id desc limit $3",
           endpoint, before ? before : INT64_MAX, limit)) {
    found.push_back({r.id, std::move(r.name), std::move(r.type), webhook_state(r.state), r.attempts,
                     r.status, std::move(r.error), r.created_at, r.done_at});
  }
  return found;
}

std::string webhooks::store(transaction& tx, std::string_view type, std::string&& data) const {
  const auto body = outbox::webhook_body(type, tx.now(), data);
  if (body.size() > impl_->options.max_bytes) {
    throw error("a webhook of type " + std::string(type) + " is larger than .max_bytes");
  }
  auto name = "msg_" + random_token(18);
  const auto id = tx.one<std::int64_t>(
      "insert into aft_webhook_message (name, type, body, created_at) values ($1, $2, $3, $4) "
      "returning id",
      name, type, body, tx.now());
  for (const auto& e : tx.all<outbox::wanted_types>(
           "select id, types from aft_webhook_endpoint where is_enabled = $1 order by id", true)) {
    if (!e.types.empty() && std::find(e.types.begin(), e.types.end(), type) == e.types.end()) {
      continue;
    }
    const auto delivery = tx.one<std::int64_t>(
        "insert into aft_webhook_delivery (message, endpoint, created_at) values ($1, $2, $3) "
        "returning id",
        id, e.id, tx.now());
    outbox::enqueue_delivery(tx, delivery, e.id);
  }
  return name;
}

bool webhooks::replay(transaction& tx, std::int64_t delivery) const {
  const auto endpoint = tx.find<std::int64_t>(
      "select endpoint from aft_webhook_delivery where id = $1 and state <> 0", delivery);
  if (!endpoint) return false;
  tx.execute(
      "update aft_webhook_delivery set state = 0, attempts = 0, done_at = null where id = $1",
      delivery);
  outbox::enqueue_delivery(tx, delivery, *endpoint);
  return true;
}

jobs::handler webhooks::handler() const {
  return aft::detail::make_job_handler<outbox::deliver_webhook>(
      [inside = impl_](const outbox::deliver_webhook& job, job_context& context, database& db) {
        outbox::deliver(inside->options, inside->web, job, context, db);
      },
      {.timeout = impl_->options.timeout + seconds(10)});
}

}  // namespace aft
