#include <aft/account_mail.hpp>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/outbox/mail.hpp>

namespace aft {
namespace {

struct account_words {
  const char* subject;
  const char* text;
};

constexpr const char* was_it_you =
    "If that was not you, choose a new password now, and look at your account's sessions.";

account_words words_for(account_message_kind kind) {
  using k = account_message_kind;
  switch (kind) {
    case k::confirm_registration:
      return {"Confirm your e-mail address",
              "Somebody, probably you, wants an account with this address. To make it, follow this "
              "link:"};
    case k::verify_email:
      return {"Confirm your e-mail address",
              "To prove that this address is yours, follow this "
              "link:"};
    case k::already_registered:
      return {"You have an account already",
              "Somebody, perhaps you, wanted to use this address for an account. It has one "
              "already, so nothing was changed. If you do not know your password, ask for a new "
              "one on the page to log in."};
    case k::reset_password:
      return {"Choose a new password",
              "Somebody, probably you, asked for a new password. To choose it, follow this link:"};
    case k::confirm_new_email:
      return {"Confirm your new e-mail address",
              "To use this address for your account from now on, follow this link:"};
    case k::email_changed:
      return {"Your e-mail address was changed", "Your account has another address now."};
    case k::password_changed:
      return {"Your password was changed", "Your account has a new password."};
    case k::second_factor_on:
      return {"Your second factor is on", "Your log-in asks for a code of your app from now on."};
    case k::second_factor_off:
      return {"Your second factor is off", "Your password alone lets you in from now on."};
    case k::recovery_codes_made:
      return {"New recovery codes", "Your account has new recovery codes; those before are void."};
    case k::recovery_code_used:
      return {"A recovery code was used", "Somebody logged in with one of your recovery codes."};
    case k::api_key_made:
      return {"A new API key", "A program can use your account by a new API key."};
    case k::api_key_revoked: break;
  }
  return {"An API key was revoked", "One of the API keys of your account is void."};
}

std::string in_words(duration d) {
  const auto minutes = d.in_seconds() / 60;
  return minutes % 60 == 0 && minutes > 60 ? fmt::format("{} hours", minutes / 60)
                                           : fmt::format("{} minutes", minutes);
}

bool is_the_recipients(mail_refusal why) {
  return why == mail_refusal::bad_address || why == mail_refusal::recipient_limit;
}

}  // namespace

mail usual_account_mail(const account_message& about, const std::string& site_name) {
  const auto words = words_for(about.kind);
  mail m;
  m.to.emplace_back(about.to);
  m.subject = site_name.empty() ? words.subject : fmt::format("{}: {}", site_name, words.subject);
  m.text = fmt::format("{}\n\n", words.text);
  if (!about.link.empty()) {
    m.text += fmt::format("{}\n\nIt is good once, for {}. If it was not you, ignore this.\n",
                          about.link, in_words(about.valid_for));
  } else if (about.kind != account_message_kind::already_registered) {
    m.text += fmt::format("{}\n", was_it_you);
  }
  return m;
}

function<void(transaction&, const account_message&)> account_mail(account_mail_options options) {
  return [o = std::move(options)](transaction& tx, const account_message& about) {
    auto own = o.write ? o.write(about) : std::nullopt;
    auto m = own ? *std::move(own) : usual_account_mail(about, o.site_name);
    if (m.to.empty()) m.to.emplace_back(about.to);
    if (m.from.address.empty()) m.from = o.from;
    const auto sent = send_mail(tx, m);
    if (!sent && !is_the_recipients(sent.reason())) {
      throw error(fmt::format("a message to the owner of an account cannot be mailed: {}",
                              to_string(sent.reason())));
    }
  };
}

}  // namespace aft
