#include "conduit.hpp"

namespace conduit {
namespace {

using name_text = aft::text<1, 64>;
using password_text = aft::text<1, 256>;

struct login {
  aft::text<1, 254> email;
  password_text password;
  static void rules(aft::rules<login>& r) { r(&login::email).example("jake@example.org"); }
};
struct login_body {
  login user;
};

struct new_account {
  name_text username;
  aft::email email;
  password_text password;
};
struct new_account_body {
  new_account user;
};

// Absent: as it was. Null: none, where there may be none.
template <class T>
using change = std::optional<std::optional<T>>;

struct account_changes {
  change<aft::email> email;
  change<name_text> username;
  change<password_text> password;
  change<std::string> bio, image;

  template <auto Field>
  static bool is_no_null(const account_changes& c) {
    return !(c.*Field) || *(c.*Field);
  }
  static void rules(aft::rules<account_changes>& r) {
    r.ignore_unknown();
    r.check(&account_changes::email, "can't be null", is_no_null<&account_changes::email>);
    r.check(&account_changes::username, "can't be null", is_no_null<&account_changes::username>);
    r.check(&account_changes::password, "can't be null", is_no_null<&account_changes::password>);
  }
};
struct account_changes_body {
  account_changes user;
};

struct account {
  std::string email, token, username;
  std::optional<std::string> bio, image;
};
struct account_answer {
  account user;
};

struct account_row {
  std::int64_t id;
  std::string username, email, password;
  std::optional<std::string> bio, image;
  aft::time_point created_at;
};

const aft::repository<account_row> accounts("account");

account_answer show(const account_row& a, const keys& k, aft::time_point now) {
  auto token = k.tokens->sign(std::to_string(a.id), now, now + aft::days(60));
  return {{a.email, std::move(token), a.username, a.bio, a.image}};
}

// Throws the refusal where somebody else has it.
void need_free(aft::reader& db, std::int64_t but, std::string column, const std::string& value) {
  aft::sql_text taken("select 1 from account where id <> $1 and", but);
  if (!db.find<int>(taken.add_name(column).add("= $1", value))) return;
  throw refuse(422, std::move(column), "has already been taken");
}

void clear_if_empty(change<std::string>& text) {
  if (text && *text && (*text)->empty()) text->reset();
}

aft::status<201, account_answer> sign_up(aft::body<new_account_body> in, aft::database& db,
                                         const keys& k) {
  const auto& user = in->user;
  const auto hash = aft::hash_password(user.password);
  return {db.write([&](aft::transaction& tx) {
    need_free(tx, 0, "username", user.username);
    need_free(tx, 0, "email", user.email);
    const account_row row{0, user.username, user.email, hash, {}, {}, tx.now()};
    return show(accounts.insert(tx, row), k, tx.now());
  })};
}

account_answer log_in(aft::body<login_body> in, aft::database& db, const keys& k) {
  const auto found = db.find<account_row>("select * from account where email = $1", in->user.email);
  // The same work whether the account exists or not.
  if (!aft::verify_password(found ? found->password : "", in->user.password)) {
    throw refuse(401, "credentials", "invalid");
  }
  return show(*found, k, db.time().now());
}

account_answer read(viewer me, aft::reader& db, const keys& k) {
  return show(accounts.find(db, me.id).value(), k, db.now());
}

account_answer change_account(aft::body<account_changes_body> in, viewer me, aft::database& db,
                              const keys& k) {
  auto& user = in->user;
  if (user.password) *user.password = aft::hash_password(**user.password);
  clear_if_empty(user.bio);
  clear_if_empty(user.image);
  return db.write([&](aft::transaction& tx) {
    if (user.username) need_free(tx, me.id, "username", **user.username);
    if (user.email) need_free(tx, me.id, "email", **user.email);
    const auto saved = accounts.update(tx, me.id, user);
    if (!saved) throw saved.reason();
    return show(*saved, k, tx.now());
  });
}

struct profile_answer {
  profile_view profile;
};

profile_answer show_profile(aft::reader& db, const std::string& username, std::int64_t viewer) {
  auto found = db.find<profile_view>(
      "select username, bio, image, "
      "exists (select 1 from follow where follower = $2 and followed = a.id) as following "
      "from account a where username = $1",
      username, viewer);
  if (!found) throw refuse(404, "profile", "not found");
  return {std::move(*found)};
}

profile_answer read_profile(const std::string& name, maybe_viewer me, aft::reader& db) {
  return show_profile(db, name, me.id);
}

profile_answer follow(const std::string& name, viewer me, aft::transaction& tx) {
  tx.execute(
      "insert into follow (follower, followed) "
      "select $2, id from account where username = $1 on conflict do nothing",
      name, me.id);
  return show_profile(tx, name, me.id);
}

profile_answer unfollow(const std::string& name, viewer me, aft::transaction& tx) {
  tx.execute(
      "delete from follow where follower = $2 "
      "and followed = (select id from account where username = $1)",
      name, me.id);
  return show_profile(tx, name, me.id);
}

}  // namespace

aft::result<maybe_viewer, aft::problem> who(const authorization& header, const keys& k,
                                            aft::reader& db) {
  if (!header.value) return maybe_viewer();
  if (header.value->starts_with("Token ")) {
    if (const auto subject = k.tokens->verify(header.value->substr(6), db.now())) {
      aft::set_current_user(*subject);  // in the log
      const auto found =
          db.find<maybe_viewer>("select id from account where id = cast($1 as integer)", *subject);
      if (found) return *found;
    }
  }
  return refuse(401, "token", "is invalid");
}

void define_accounts(aft::app& app) {
  auto api = app.group("/api", "User and Authentication");
  api.post("/users", aft::blocking(sign_up)).summary("Register");
  api.post("/users/login", aft::blocking(log_in))
      .summary("Log in")
      .answers(401, "The address or the password is wrong.");
  api.get("/user", read).summary("The current user");
  api.put("/user", aft::blocking(change_account)).summary("Change the current user");

  auto users = app.group("/api", "Profile");
  const auto* none = "There is no such user.";
  users.get("/profiles/{username}", read_profile).summary("A profile").answers(404, none);
  users.post("/profiles/{username}/follow", follow).summary("Follow a user").answers(404, none);
  users.del("/profiles/{username}/follow", unfollow).summary("Unfollow a user").answers(404, none);
}

}  // namespace conduit
