#include "account_routes.hpp"

#include <aft/ground/text.hpp>
#include <aft/http/results.hpp>

#include "csrf.hpp"

namespace aft::guarding {
namespace {

// The rules say how long it may be; this is what is read at all.
using password_field = text<1, 1024>;
using token_field = text<1, 128>;

struct credentials {
  text<1, 254> email;
  password_field password;
};
struct registration {
  aft::email email;
  password_field password;
};
struct email_only {
  aft::email email;
};
struct token_only {
  token_field token;
};
struct new_password {
  token_field token;
  password_field password;
};
struct password_change {
  password_field current;
  password_field password;
};
struct code_only {
  text<1, 64> code;
};
struct password_only {
  password_field password;
};
struct session_view {
  std::int64_t id;
  bool current;
  std::string device, address;
  time_point created_at, seen_at;
};
struct csrf_view {
  std::string token;
};
struct sessions_ended {
  std::int64_t ended;
};

using maybe_problem = std::optional<problem>;
using sign_in_result = result<signed_in_answer, problem>;

sign_in_result sign_in(const guard& g, result<signed_in, problem>&& in) {
  if (!in) return std::move(in).reason();
  return signed_in_answer{show_account(in->who), cookies_of(g, *in), in->awaits_second};
}

// For those who do not learn more than that it was taken.
response accepted(maybe_problem&& wrong) {
  if (wrong) throw *std::move(wrong);
  return {202, {}, {}, {}};
}
response done(maybe_problem&& wrong, std::vector<std::string> cookies = {}) {
  if (wrong) throw *std::move(wrong);
  response r{204, {}, {}, {}};
  for (auto& c : cookies) r.headers.emplace_back("Set-Cookie", std::move(c));
  return r;
}

void add_login_routes(const routes& api, const guard& g, const account_service& service) {
  auto entry = api.allow_anyone();
  entry
      .post("/login", blocking([&g, &service](const request& r, body<credentials> in) {
              return sign_in(g, service.log_in(r, in->email, in->password));
            }))
      .summary("Log in")
      .answers<second_step_view>(202, "The second factor is to be shown, too.")
      .answers(401, "The e-mail address or the password is wrong.")
      .answers(429, "Too many attempts.");
  if (g.second_factor()) {
    entry
        .post("/login/second",
              [&g, &service](const request& r, body<code_only> in, transaction& tx) {
                return sign_in(g, service.second().enter(r, in->code, tx));
              })
        .summary("Show the second factor of a log-in")
        .description("With a code of the authenticator app, or a recovery code.")
        .answers(401, "There is no log-in that waits for it.")
        .answers(422, "The code is wrong, or was used before.")
        .answers(429, "Too many attempts.");
  }
  entry
      .post("/logout",
            [&g, &service](const request& r, transaction& tx) {
              service.log_out(r, tx);
              return done({}, {g.clear_session()});
            })
      .summary("Log out");
  if (g.options().registration) {
    entry
        .post("/register", blocking([&service](const request& r, body<registration> in) {
                return accepted(service.register_account(r, in->email.str(), in->password));
              }))
        .summary("Register")
        .description(
            "Answers the same whether the address has an account already; its owner "
            "is told by a message.")
        .answers(422, "The password is too weak.");
  }
}

void add_message_routes(const routes& api, const account_service& service) {
  auto open = api.allow_anyone();
  open.post("/confirm",
            [&service](const request& r, body<token_only> in, transaction& tx) {
              return done(service.confirm(r, in->token, tx));
            })
      .summary("Confirm an e-mail address")
      .answers(400, "The token is of no use.");
  open.post("/password/forgot",
            [&service](const request& r, body<email_only> in, transaction& tx) {
              return accepted(service.forgot_password(r, in->email.str(), tx));
            })
      .summary("Ask for a message that lets choose a new password");
  open.post("/password/reset", blocking([&service](const request& r, body<new_password> in) {
              return done(service.reset_password(r, in->token, in->password));
            }))
      .summary("Choose a new password")
      .description("Ends all sessions; log in afterwards.")
      .answers(400, "The token is of no use.");
  auto own = api.require_user();
  own.post(
         "/email",
         [&service](const request& r, const fresh_user& me, body<email_only> in, transaction& tx) {
           return accepted(service.change_email(r, me, in->email.str(), tx));
         })
      .summary("Change the e-mail address")
      .description("The new one counts once the link in a message to it was followed.");
}

void add_own_routes(const routes& api, const guard& g, const account_service& service) {
  auto own = api.require_user();
  own.get("/me",
          [](const user& me) {
            return account_view{me.id, me.email, me.verified, me.roles};
          })
      .summary("Who is signed in");
  own.post("/password", blocking([&g, &service](const request& r, const account_owner& me,
                                                body<password_change> in) {
             return sign_in(g, service.change_password(r, me, in->current, in->password));
           }))
      .summary("Change the password")
      .description("Ends all other sessions.");
  own.post("/reauthenticate", blocking([&g, &service](const request& r, const account_owner& me,
                                                      body<password_only> in) {
             return sign_in(g, service.reauthenticate(r, me, in->password));
           }))
      .summary("Show the password again, for what needs it fresh");
  own.get("/csrf",
          [&g](const request& r, const user&) {
            return csrf_view{make_csrf_token(r.cookie(g.session_cookie()).value_or(""))};
          })
      .summary("A token for X-CSRF-Token, where csrf_tokens are asked for");
}

void add_session_routes(const routes& api, const guard& g) {
  auto own = api.require_user();
  own.get("/sessions",
          [&g](const account_owner& me, reader& db) {
            std::vector<session_view> all;
            for (auto& s : auth::list_sessions(db, me.id, g.options().sessions)) {
              all.push_back({s.id, s.id == me.session, std::move(s.device), std::move(s.address),
                             s.created_at, s.seen_at});
            }
            return all;
          })
      .summary("Where the account is signed in");
  own.del("/sessions/{id}",
          [](std::int64_t id, const account_owner& me, transaction& tx) {
            if (!auth::end_session(tx, me.id, id)) throw not_found("there is no such session");
          })
      .summary("End a session");
  own.del("/sessions",
          [](const account_owner& me, transaction& tx) {
            return sessions_ended{auth::end_sessions(tx, me.id, me.session)};
          })
      .summary("End all sessions but this one");
}

}  // namespace

account_view show_account(const auth::account& a) {
  return {a.id, a.email, a.verified_at.has_value(), a.roles};
}

std::vector<std::string> cookies_of(const guard& g, const signed_in& in) {
  std::vector<std::string> cookies{g.set_session(in.token)};
  if (!in.device.empty()) cookies.push_back(g.set_device(in.device));
  return cookies;
}

void signed_in_answer::answer(http::call& c) && {
  const second_step_view half;
  if (awaits_second) http::reply_json(c, 202, &half, type_of<second_step_view>());
  else http::reply_json(c, 200, &view, type_of<account_view>());
  for (const auto& cookie : cookies) http::add_header(c.answer, "Set-Cookie", cookie);
  http::add_header(c.answer, "Cache-Control", "no-store");
}

void add_account_routes(routes& app, const guard& g, const account_service& service) {
  const auto api = app.group(g.options().api, "accounts");
  add_login_routes(api, g, service);
  if (service.news().has_messages()) add_message_routes(api, service);
  add_own_routes(api, g, service);
  add_session_routes(api, g);
  service.credentials().add_routes(api);
}

}  // namespace aft::guarding
