#include <aft/outbox/mail.hpp>

#include <algorithm>
#include <mutex>

#include <aft/ground/error.hpp>
#include <aft/http/message.hpp>
#include <aft/jobs/job.hpp>

#include "../http/letters.hpp"
#include "mail_job.hpp"

namespace aft {
namespace outbox {
namespace {

struct mail_settings {
  stored_address from;
  std::int64_t max_recipients, max_bytes, max_per_hour, max_per_day, max_attempts;
};

struct listed_row {
  std::int64_t id;
  std::string message_id, address, subject;
  std::uint8_t state;
  std::optional<std::string> error;
  time_point created_at;
  std::optional<time_point> done_at;
};

mail_settings read_settings(reader& db) {
  const auto kept = db.find<std::string>("select value from aft_mail_setting where id = 1");
  if (!kept) {
    throw error("send_mail needs an app with a mail server or a sink; give .mail to it");
  }
  auto settings = json::read<mail_settings>(*kept, {.ignore_unknown = true});
  if (!settings) throw error("the settings of mail in the database are not to be read");
  return *std::move(settings);
}

bool gets_too_many(reader& db, const std::string& address, const mail_settings& s) {
  const auto since = [&](duration d) {
    return db.one<std::int64_t>(
        "select count(*) from aft_mail_to where lower(address) = $1 and created_at > $2", address,
        db.now() - d);
  };
  return (s.max_per_hour > 0 && since(hours(1)) >= s.max_per_hour) ||
         (s.max_per_day > 0 && since(days(1)) >= s.max_per_day);
}

// Each once, whatever the case of its letters.
std::vector<std::string> recipients_of(const mail& m) {
  std::vector<std::string> all;
  for (const auto* list : {&m.to, &m.cc, &m.bcc}) {
    for (const auto& a : *list) {
      const auto same = [&a](const std::string& b) { return equal_ignoring_case(a.address, b); };
      if (std::none_of(all.begin(), all.end(), same)) all.push_back(a.address);
    }
  }
  return all;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), http::lower);
  return text;
}

}  // namespace

bool sends_mail(const mail_options& options) { return options.sink || !options.smtp.host.empty(); }

bool takes_mail(const mail_options& options) {
  return sends_mail(options) || !options.from.address.empty();
}

void store_settings(transaction& tx, const mail_options& o) {
  const mail_settings s{{o.from.address, o.from.name},
                        std::int64_t(o.max_recipients),
                        std::int64_t(o.max_bytes),
                        o.max_per_hour,
                        o.max_per_day,
                        o.max_attempts};
  tx.execute(
      "insert into aft_mail_setting (id, value) values (1, $1) "
      "on conflict (id) do update set value = excluded.value",
      json::write(s));
}

}  // namespace outbox

result<std::string, mail_refusal> send_mail(transaction& tx, const mail& given) {
  const auto settings = outbox::read_settings(tx);
  auto m = given;
  if (m.from.address.empty()) m.from = {settings.from.address, settings.from.name};
  const auto recipients = outbox::recipients_of(m);
  if (std::int64_t(recipients.size()) > settings.max_recipients) {
    return mail_refusal::too_many_recipients;
  }
  const auto id = new_message_id(m.from.address.substr(m.from.address.rfind('@') + 1));
  const auto text = write_mail(m, id, tx.now());
  if (!text) return text.reason();
  if (std::int64_t(text->size()) > settings.max_bytes) return mail_refusal::too_large;
  for (const auto& to : recipients) {
    if (outbox::gets_too_many(tx, outbox::lower_case(to), settings)) {
      return mail_refusal::recipient_limit;
    }
  }
  const auto row = tx.one<std::int64_t>(
      "insert into aft_mail (message_id, subject, mail, created_at) values ($1, $2, $3, $4) "
      "returning id",
      id, m.subject, json::write(outbox::to_stored(m)), tx.now());
  for (const auto& to : recipients) {
    const auto one = tx.one<std::int64_t>(
        "insert into aft_mail_to (mail, address, created_at) values ($1, $2, $3) returning id", row,
        to, tx.now());
    enqueue(tx, outbox::deliver_mail{one}, {.max_attempts = int(settings.max_attempts)});
  }
  return id;
}

std::vector<outgoing_mail> list_mail(reader& db, std::int64_t limit, std::int64_t before) {
  std::vector<outgoing_mail> found;
  for (auto& r : db.all<outbox::listed_row>(
           "select t.id, m.message_id, t.address, m.subject, t.state, t.error, t.created_at, "
           "t.done_at from aft_mail_to t join aft_mail m on m.id = t.mail "
           "where t.id < $1 order by t.id desc limit $2",
           before ? before : INT64_MAX, limit)) {
    found.push_back({r.id, std::move(r.message_id), std::move(r.address), std::move(r.subject),
                     mail_state(r.state), std::move(r.error), r.created_at, r.done_at});
  }
  return found;
}

// ---- the sink

class mail_sink::impl {
 public:
  std::mutex mutex;
  std::vector<message> messages;  // guarded by mutex
};

mail_sink::mail_sink() : impl_(new impl) {}
mail_sink::~mail_sink() { delete impl_; }

std::vector<mail_sink::message> mail_sink::take() {
  std::lock_guard lock(impl_->mutex);
  return std::exchange(impl_->messages, {});
}

void mail_sink::add(message&& m) {
  std::lock_guard lock(impl_->mutex);
  impl_->messages.push_back(std::move(m));
}

}  // namespace aft
