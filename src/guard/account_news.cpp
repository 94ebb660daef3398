#include "account_news.hpp"

#include <fmt/format.h>

#include "account_id.hpp"

namespace aft::guarding {
namespace {

audit_level level_of(std::string_view event) {
  const bool is_refusal = event.ends_with("_fail") || event.ends_with("_lock");
  return is_refusal ? audit_level::warning : audit_level::info;
}

struct credential_words {
  std::string_view event;
  std::string target;
  account_message_kind message;
};

credential_words words_of(const credential_change& what) {
  switch (what.kind) {
    case credential_change_kind::second_factor_on:
      return {audit_event::user_updated, "second factor on",
              account_message_kind::second_factor_on};
    case credential_change_kind::second_factor_off:
      return {audit_event::user_updated, "second factor off",
              account_message_kind::second_factor_off};
    case credential_change_kind::recovery_codes_made:
      return {audit_event::token_created, "recovery codes",
              account_message_kind::recovery_codes_made};
    case credential_change_kind::api_key_made:
      return {audit_event::token_created, fmt::format("API key {}", what.key),
              account_message_kind::api_key_made};
    case credential_change_kind::api_key_revoked: break;
  }
  return {audit_event::token_revoked, fmt::format("API key {}", what.key),
          account_message_kind::api_key_revoked};
}

}  // namespace

auth::visit visit_of(const request& r) {
  return {std::string(r.header("User-Agent").value_or("")), r.client()};
}

void account_news::send(transaction& tx, account_message_kind kind, std::string to,
                        std::int64_t account, std::string_view page, std::string token,
                        duration valid_for) const {
  if (!options_.on_message) return;
  account_message m{kind, std::move(to), account, std::move(token), {}, valid_for};
  if (!m.token.empty()) {
    m.link = fmt::format("{}{}/{}?token={}", options_.site,
                         options_.pages.empty() ? options_.api : options_.pages, page, m.token);
  }
  options_.on_message(tx, m);
}

void account_news::note(transaction& tx, std::string_view name, std::int64_t account,
                        const request& r, std::string target) const {
  if (options_.audit) {
    audit_entry entry{.event = std::string(name), .target = target, .level = level_of(name)};
    if (account) entry.actor = subject_of(account);
    options_.audit->append(tx, std::move(entry).from(r));
  }
  if (!options_.on_event) return;
  auto from = visit_of(r);
  options_.on_event(
      tx, {name, account, std::move(from.address), std::move(from.device), std::move(target)});
}

void account_news::note_alone(std::string_view name, std::int64_t account, const request& r) const {
  if (!is_heard()) return;
  guard_.db().write([&](transaction& tx) { note(tx, name, account, r); });
}

void account_news::credential_changed(transaction& tx, const request& r,
                                      const credential_change& what) const {
  const auto words = words_of(what);
  const auto id = account_of(what.subject);
  note(tx, words.event, id, r, words.target);
  if (const auto who = auth::find_account(tx, id)) send(tx, words.message, who->email, id);
}

}  // namespace aft::guarding
