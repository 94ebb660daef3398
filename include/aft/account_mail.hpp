#pragma once
// Mails to the owners of accounts: accounts::on_message by one call.
//
//   aft::app app({.database = "notes.db", .mail = {.from = "notes@example.org", .smtp = {...}}});
//   app.use(aft::accounts{.site = "https://notes.example.org",
//                         .on_message = aft::account_mail({.site_name = "Notes"})});

#include <optional>
#include <string>

#include <aft/client/mail.hpp>
#include <aft/ground/function.hpp>
#include <aft/guard/accounts.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

struct account_mail_options {
  std::string site_name{};  // in the subjects; empty: the site goes without a name
  mail_address from{};      // empty: mail_options::from
  // The host's own words: nothing for those that are to be mailed as usual. The recipient and an
  // empty sender are filled in. On the writer; must not wait.
  function<std::optional<mail>(const account_message&)> write{};
};

// Plain text in English, stored by send_mail() in the transaction that it is about. What is refused
// for its recipient's sake (mail_options::max_per_hour, an address that no mail can go to) is not
// sent, as answers must not tell who has an account; all else that is wrong throws aft::error.
function<void(transaction&, const account_message&)> account_mail(
    account_mail_options options = {});

// The words that are used where the host has none.
mail usual_account_mail(const account_message& about, const std::string& site_name);

}  // namespace aft
