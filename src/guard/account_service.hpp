#pragma once
// What the account routes do, whether asked in JSON or by a form.

#include <optional>
#include <string>
#include <string_view>

#include <aft/auth/mailed_tokens.hpp>

#include "account_news.hpp"
#include "own_credentials.hpp"
#include "password_work.hpp"
#include "provider_login.hpp"
#include "second_step.hpp"
#include "signed_in.hpp"

namespace aft::guarding {

// Any thread; what takes a database hashes a password, and so belongs to the work lane.
class account_service {
 public:
  account_service(const guard& g, metrics& numbers)
      : guard_(g), options_(g.options()), passwords_(g.options(), numbers), news_(g) {}

  const account_news& news() const { return news_; }
  const second_step& second() const { return second_; }
  const own_credentials& credentials() const { return credentials_; }
  const provider_login& elsewhere() const { return elsewhere_; }

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
  std::optional<problem> weak(std::string_view password, std::string_view email,
                              std::string_view pointer) const;
  std::optional<problem> prove(const request& r, const user& me, std::string_view password) const;
  bool makes_accounts_at_once() const { return !options_.on_message; }
  void add_new(transaction& tx, std::string_view email, const std::string& hash,
               const request& r) const;

  const guard& guard_;
  const accounts& options_;
  const password_work passwords_;
  const account_news news_;
  const second_step second_{guard_, news_};
  const own_credentials credentials_{guard_, news_};
  const provider_login elsewhere_{guard_, news_, second_};
};

}  // namespace aft::guarding
