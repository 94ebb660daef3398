#pragma once
// Mail that is stored with what it is about, and then sent by a job until it is taken.
//
//   aft::app app({.database = "shop.db",
//                 .mail = {.from = {"shop@example.org", "The Shop"},
//                          .smtp = {.host = "smtp.example.org", .user = "shop", ...}}});
//   app.post("/orders", [](aft::body<order> in, aft::transaction& tx) {
//     ...
//     const auto sent = aft::send_mail(tx, {.to = {in->email}, .subject = "Thank you", ...});
//     if (!sent) throw aft::unprocessable(std::string(to_string(sent.reason())));

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/client/mail.hpp>
#include <aft/client/mail_sender.hpp>
#include <aft/ground/result.hpp>
#include <aft/ground/time.hpp>
#include <aft/storage/reader.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

// Where mail goes that is not to leave the program: for tests, and while one writes it. Any thread.
class mail_sink {
 public:
  struct message {
    std::string to{};          // one recipient, as each gets a message of his own
    std::string message_id{};  // the same for all of one mail
    aft::mail mail{};
    std::string text{};  // as it would be sent
  };

  mail_sink();
  mail_sink(const mail_sink&) = delete;
  mail_sink& operator=(const mail_sink&) = delete;
  ~mail_sink();

  std::vector<message> take();  // what came since the last call, in its order
  void add(message&& m);        // by the job

 private:
  class impl;
  impl* impl_;
};

struct mail_options {
  mail_address from{};               // of mail that has none itself
  smtp_options smtp{};               // without a host no mail is sent; it waits for one
  mail_sink* sink = nullptr;         // takes all mail instead; must outlive the app
  std::size_t max_recipients = 50;   // of one mail
  std::size_t max_bytes = 10 << 20;  // of one mail as it is sent
  int max_per_hour = 20;             // to one address; 0: any number
  int max_per_day = 100;             // to one address; 0: any number
  // Attempts for each recipient, where the server is away or says that it should be tried later: by
  // default over two days. What it refuses for good is not tried again.
  int max_attempts = 15;
  duration keep = days(30);  // what is known of mail that was sent
};

// Stores the mail in the caller's transaction: it is sent when that commits, to each recipient by a
// job of its own, and never if it does not. Returns its Message-ID, which stays the same when it is
// sent twice: where a connection ends while the server takes it, nobody knows whether it did. The
// limits and the default sender are those of the app that was prepared last on this database;
// throws error where none had a sender, a sink or a server. The text of a mail lies in the database
// until all have got it.
result<std::string, mail_refusal> send_mail(transaction& tx, const mail& m);

enum class mail_state : std::uint8_t { waiting, sent, given_up };

struct outgoing_mail {
  std::int64_t id = 0;
  std::string message_id{};
  std::string to{};
  std::string subject{};
  mail_state state = mail_state::waiting;
  std::optional<std::string> error{};  // of the last attempt
  time_point created_at{};
  std::optional<time_point> done_at{};
};

// The newest first, up to `limit`, older than `before` where that is not 0.
std::vector<outgoing_mail> list_mail(reader& db, std::int64_t limit = 50, std::int64_t before = 0);

}  // namespace aft
