#include "mail_job.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace aft::outbox {
namespace {

struct mail_to_send {
  std::string address;
  std::int64_t state;
  std::int64_t mail;
  std::string message_id;
  std::string text;  // JSON
  time_point created_at;
};

constexpr std::int64_t waiting = 0, sent = 1, given_up = 2;  // mail_state
constexpr std::int64_t most_dropped = 100;  // old rows, with each mail that is sent

// One mail on its way.
class mail_delivery {
 public:
  mail_delivery(const mail_options& options, const std::optional<mail_sender>& sender,
                const deliver_mail& job, job_context& context, database& db)
      : options_(options), sender_(sender), recipient_(job.recipient), context_(context), db_(db) {}

  void run() {
    auto row = db_.find<mail_to_send>(
        "select t.address, t.state, t.mail, m.message_id, m.mail as text, m.created_at "
        "from aft_mail_to t join aft_mail m on m.id = t.mail where t.id = $1",
        recipient_);
    if (!row || row->state == sent) return;
    auto stored = json::read<stored_mail>(row->text);
    if (!stored) throw cancel_job{"what is stored of the mail is not to be read"};
    auto m = from_stored(*std::move(stored));
    auto text = write_mail(m, row->message_id, row->created_at);
    if (!text) throw cancel_job{"the mail is not to be written"};
    if (options_.sink) {
      options_.sink->add({row->address, row->message_id, std::move(m), *std::move(text)});
    } else {
      hand_over({m.from.address, row->address, *std::move(text)});
    }
    note_sent(row->mail);
  }

 private:
  void hand_over(const mail_envelope& e) {
    const auto failure = sender_->send(e, [this] { return context_.stop_requested(); });
    if (!failure) return;
    if (failure->why == mail_failure::reason::cancelled) context_.throw_if_stopped();
    const auto said =
        fmt::format("{}: {} ({})", to_string(failure->why), failure->detail, failure->code);
    const bool is_refused = failure->why == mail_failure::reason::refused;
    const bool is_last = is_refused || context_.attempt() >= context_.max_attempts();
    db_.write([&](transaction& tx) {
      tx.execute("update aft_mail_to set state = $2, error = $3, done_at = $4 where id = $1",
                 recipient_, is_last ? given_up : waiting, said,
                 is_last ? std::optional(tx.now()) : std::nullopt);
    });
    if (is_refused) throw cancel_job{said};
    throw error(said);
  }

  void note_sent(std::int64_t whole) {
    db_.write([&](transaction& tx) {
      tx.execute("update aft_mail_to set state = 1, error = null, done_at = $2 where id = $1",
                 recipient_, tx.now());
      tx.execute(
          "update aft_mail set mail = '' where id = $1 and not exists "
          "(select 1 from aft_mail_to where mail = $1 and state <> 1)",
          whole);
      // Those of the last day are counted for the limits.
      tx.execute(
          "delete from aft_mail where id in "
          "(select id from aft_mail m where created_at < $1 and not exists "
          "(select 1 from aft_mail_to where mail = m.id and state = 0) "
          "order by created_at limit $2)",
          tx.now() - std::max(options_.keep, days(1)), most_dropped);
    });
  }

  const mail_options& options_;
  const std::optional<mail_sender>& sender_;
  std::int64_t recipient_;
  job_context& context_;
  database& db_;
};

}  // namespace

jobs::handler mail_handler(const mail_options& options) {
  std::optional<mail_sender> sender;
  if (!options.sink && !options.smtp.host.empty()) sender.emplace(options.smtp);
  const auto timeout = options.smtp.timeout + seconds(30);
  return aft::detail::make_job_handler<deliver_mail>(
      [&options, sender](const deliver_mail& job, job_context& context, database& db) {
        mail_delivery(options, sender, job, context, db).run();
      },
      {.max_attempts = options.max_attempts, .timeout = timeout});
}

}  // namespace aft::outbox
