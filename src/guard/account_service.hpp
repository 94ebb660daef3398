#pragma once
// What the account routes do, whether asked in JSON or by a form.

#include <optional>
#include <string>
#include <string_view>

#include <aft/auth/mailed_tokens.hpp>

#include "guard.hpp"

namespace aft::guarding {

struct signed_in {
  auth::account who;
  std::string token;   // of the session
  std::string device;  // empty: it was known
  bool awaits_second = false;
};

// Any thread; what takes a database hashes a password, and so belongs to the work lane.
class account_service {
 public:
  explicit account_service(const guard& g) : guard_(g), options_(g.options()) {}

  bool has_messages() const { return bool(options_.on_message); }

  result<signed_in, problem> log_in(const request& r, std::string_view email,
                                    std::string_view password) const;
  void log_out(const request& r, transaction& tx) const;

  // Nothing: done, or its owner was told that there is an account already.
  std::optional<problem> register_account(const request& r, std::string_view email,
                                          std::string_view password) const;
  // With a token that was mailed; the problem of one that is of no use.
  std::optional<problem> confirm(const request& r, std::string_view token, transaction& tx) const;

  std::optional<problem> forgot_password(const request& r, std::string_view email,
                                         transaction& tx) const;
  std::optional<problem> reset_password(const request& r, std::string_view token,
                                        std::string_view password) const;

  result<signed_in, problem> change_password(const request& r, const user& me,
                                             std::string_view current,
                                             std::string_view wanted) const;
  result<signed_in, problem> reauthenticate(const request& r, const user& me,
                                            std::string_view password) const;
  std::optional<problem> change_email(const request& r, const user& me, std::string_view email,
                                      transaction& tx) const;

 private:
  struct login_try;
  void send(transaction& tx, account_message_kind kind, std::string to, std::int64_t account,
            std::string_view page = {}, std::string token = {}, duration valid_for = {}) const;
  void note(transaction& tx, std::string_view name, std::int64_t account, const request& r) const;
  void note_alone(std::string_view name, std::int64_t account, const request& r) const;
  std::optional<problem> weak(std::string_view password, std::string_view email,
                              std::string_view pointer) const;
  std::optional<problem> prove(const request& r, const user& me, std::string_view password) const;
  bool makes_accounts_at_once() const { return !options_.on_message; }
  void add_new(transaction& tx, std::string_view email, const std::string& hash,
               const request& r) const;

  const guard& guard_;
  const accounts& options_;
};

auth::visit visit_of(const request& r);

}  // namespace aft::guarding
