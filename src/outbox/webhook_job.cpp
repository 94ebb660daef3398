#include <algorithm>

#include <fmt/format.h>

#include <aft/client/webhook.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>

#include "webhooks.hpp"

namespace aft::outbox {
namespace {

constexpr std::int64_t most_forgotten = 100;  // old messages, with each delivery
constexpr int gone = 410;

struct webhook_to_send {
  std::int64_t state, attempts;
  std::int64_t endpoint;
  std::string name, body;
  std::string url;
  bool is_enabled;
  std::optional<sealed> secret, old_secret;
  std::optional<time_point> old_until;
};

class webhook_attempt {
 public:
  webhook_attempt(const webhook_options& options, std::int64_t delivery, webhook_to_send&& row,
                  database& db)
      : options_(options), delivery_(delivery), row_(std::move(row)), db_(db) {}

  bool is_wanted() const { return row_.is_enabled; }

  http_request request(time_point now) const {
    std::vector<std::string> secrets{
        options_.keys->open(row_.secret.value(), secret_place(row_.endpoint)).reveal()};
    if (row_.old_secret && row_.old_until && now < *row_.old_until) {
      secrets.push_back(
          options_.keys->open(*row_.old_secret, old_secret_place(row_.endpoint)).reveal());
    }
    auto lines = webhook_signer(secrets).sign(row_.name, now, row_.body);
    lines.emplace_back("Content-Type", "application/json");
    return {.method = "POST",
            .url = row_.url,
            .headers = std::move(lines),
            .body = row_.body,
            .idempotent = true};  // by its id
  }

  void succeeded(int status) {
    db_.write([&](transaction& tx) {
      note(tx, webhook_state::delivered, row_.attempts + 1, status, {});
      tx.execute("update aft_webhook_endpoint set failing_since = null where id = $1",
                 row_.endpoint);
      tx.execute(
          "delete from aft_webhook_message where id in "
          "(select id from aft_webhook_message m where created_at < $1 and not exists "
          "(select 1 from aft_webhook_delivery where message = m.id and state = 0) "
          "order by created_at limit $2)",
          tx.now() - options_.keep, most_forgotten);
    });
  }

  // Ends the run of the job.
  [[noreturn]] void failed(int status, const std::string& why, duration at_least) {
    const auto attempts = int(row_.attempts) + 1;
    bool is_last = attempts >= max_webhook_attempts || status == gone;
    std::optional<webhook_endpoint> disabled;
    db_.write([&](transaction& tx) {
      disabled = disable_where_hopeless(tx, status);
      note(tx, is_last || disabled ? webhook_state::given_up : webhook_state::waiting, attempts,
           status, why);
    });
    if (disabled && options_.on_disabled) options_.on_disabled(*disabled);
    if (is_last || disabled) throw cancel_job{why};
    const auto wait = webhook_delay(attempts);
    const auto chance = std::uint64_t(wait.in_microseconds() / 10 + 1);
    throw snooze_job{std::max(wait + microseconds(std::int64_t(random_number(chance))), at_least)};
  }

  [[noreturn]] void not_wanted() {
    const std::string why = "the endpoint is disabled";
    db_.write([&](transaction& tx) { note(tx, webhook_state::given_up, row_.attempts, 0, why); });
    throw cancel_job{why};
  }

 private:
  void note(transaction& tx, webhook_state state, std::int64_t attempts, int status,
            const std::optional<std::string>& why) {
    const auto done = state == webhook_state::waiting ? std::nullopt : std::optional(tx.now());
    tx.execute(
        "update aft_webhook_delivery set state = $2, attempts = $3, status = $4, error = $5, "
        "done_at = $6 where id = $1",
        delivery_, std::int64_t(state), attempts, std::int64_t(status), why, done);
  }

  // The endpoint, where this disables it.
  std::optional<webhook_endpoint> disable_where_hopeless(transaction& tx, int status) {
    tx.execute(
        "update aft_webhook_endpoint set failing_since = coalesce(failing_since, $2) where id = $1",
        row_.endpoint, tx.now());
    auto e = tx.find<webhook_endpoint>(
        "select id, url, types, is_enabled, why_disabled, failing_since, created_at "
        "from aft_webhook_endpoint where id = $1",
        row_.endpoint);
    if (!e || !e->is_enabled) return {};
    if (status == gone) e->why_disabled = "it answered 410 Gone";
    else if (tx.now() - *e->failing_since >= options_.disable_after)
      e->why_disabled = "it has failed for too long";
    else return {};
    e->is_enabled = false;
    tx.execute("update aft_webhook_endpoint set is_enabled = $2, why_disabled = $3 where id = $1",
               row_.endpoint, false, *e->why_disabled);
    return e;
  }

  const webhook_options& options_;
  std::int64_t delivery_;
  webhook_to_send row_;
  database& db_;
};

}  // namespace

duration webhook_delay(int attempt) {
  static constexpr duration delays[max_webhook_attempts - 1] = {seconds(5), minutes(5), minutes(30),
                                                                hours(2),   hours(5),   hours(10),
                                                                hours(14),  hours(20),  hours(24)};
  return delays[std::clamp(attempt, 1, max_webhook_attempts - 1) - 1];
}

void deliver(const webhook_options& options, const http_client& web, const deliver_webhook& job,
             job_context& context, database& db) {
  auto row = db.find<webhook_to_send>(
      "select d.state, d.attempts, d.endpoint, m.name, m.body, e.url, e.is_enabled, e.secret, "
      "e.old_secret, e.old_until from aft_webhook_delivery d "
      "join aft_webhook_message m on m.id = d.message "
      "join aft_webhook_endpoint e on e.id = d.endpoint where d.id = $1",
      job.delivery);
  if (!row || row->state == std::int64_t(webhook_state::delivered)) return;
  const auto now = db.read([](reader& r) { return r.now(); });
  webhook_attempt attempt(options, job.delivery, *std::move(row), db);
  if (!attempt.is_wanted()) attempt.not_wanted();
  auto request = attempt.request(now);
  request.cancelled = [&context] { return context.stop_requested(); };
  const auto answer = web.send(std::move(request));
  if (!answer) {
    if (answer.reason().why == http_failure::reason::cancelled) context.throw_if_stopped();
    attempt.failed(0, fmt::format("{}: {}", to_string(answer.reason().why), answer.reason().detail),
                   {});
  }
  if (answer->ok()) return attempt.succeeded(answer->status);
  const auto asked = answer->retry_after(now).value_or(duration());
  attempt.failed(answer->status, fmt::format("it answered {}", answer->status),
                 std::min(asked, days(1)));
}

}  // namespace aft::outbox
