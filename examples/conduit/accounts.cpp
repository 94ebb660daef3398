#include "viewer.hpp"

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
struct account_changes {
  std::optional<std::optional<aft::email>> email;
  std::optional<std::optional<name_text>> username;
  std::optional<std::optional<password_text>> password;
  std::optional<std::optional<std::string>> bio, image;

  static void rules(aft::rules<account_changes>& r) {
    r.ignore_unknown();
    r.check(&account_changes::email, "can't be null",
            [](const account_changes& c) { return !c.email || *c.email; });
    r.check(&account_changes::username, "can't be null",
            [](const account_changes& c) { return !c.username || *c.username; });
    r.check(&account_changes::password, "can't be null",
            [](const account_changes& c) { return !c.password || *c.password; });
  }
};
struct account_changes_body {
  account_changes user;
};

struct account {
  std::string email;
  std::string token;
  std::string username;
  std::optional<std::string> bio, image;
};
struct account_answer {
  account user;
};

struct stored_account {
  std::int64_t id;
  std::string email, username, password;
  std::optional<std::string> bio, image;
};

account_answer show(const stored_account& a, const keys& k, aft::time_point now) {
  auto token = k.tokens->sign(std::to_string(a.id), now, now + aft::days(60));
  return {{a.email, std::move(token), a.username, a.bio, a.image}};
}

stored_account load(aft::reader& db, std::int64_t id) {
  return db.one<stored_account>("select * from account where id = $1", id);
}

// Throws the refusal that names what is taken by somebody else.
void need_free(aft::reader& db, std::int64_t but, const std::string& email,
               const std::string& name) {
  if (db.find<int>("select 1 from account where username = $1 and id <> $2", name, but)) {
    throw refuse(422, "username", "has already been taken");
  }
  if (db.find<int>("select 1 from account where email = $1 and id <> $2", email, but)) {
    throw refuse(422, "email", "has already been taken");
  }
}

std::optional<std::string> none_if_empty(std::optional<std::string> text) {
  return text && text->empty() ? std::nullopt : text;
}

}  // namespace

aft::result<viewer, aft::problem> account_of(std::string_view header, const keys& k,
                                             aft::reader& db) {
  if (header.starts_with("Token ")) {
    if (const auto subject = k.tokens->verify(header.substr(6), db.now())) {
      const auto found =
          db.find<viewer>("select id from account where id = cast($1 as integer)", *subject);
      if (found) return *found;
    }
  }
  return refuse(401, "token", "is invalid");
}

void define_accounts(aft::routes& api) {
  api.post("/users", aft::blocking([](aft::body<new_account_body> in, aft::database& db,
                                      const keys& k) -> aft::status<201, account_answer> {
             const auto& user = in->user;
             const auto hash = aft::hash_password(user.password);
             return {db.write([&](aft::transaction& tx) {
               need_free(tx, 0, user.email, user.username);
               const auto saved = tx.one<stored_account>(
                   "insert into account (username, email, password, created_at) values ($1, $2, "
                   "$3, $4) "
                   "returning *",
                   user.username, user.email, hash, tx.now());
               return show(saved, k, tx.now());
             })};
           }))
      .summary("Register");

  api.post("/users/login", aft::blocking([](aft::body<login_body> in, aft::database& db,
                                            const keys& k) -> account_answer {
             const auto found = db.read([&](aft::reader& r) {
               return r.find<stored_account>("select * from account where email = $1",
                                             in->user.email);
             });
             // The same work whether the account exists or not.
             if (!aft::verify_password(found ? found->password : "", in->user.password)) {
               throw refuse(401, "credentials", "invalid");
             }
             return show(*found, k, db.time().now());
           }))
      .summary("Log in")
      .answers(401, "The address or the password is wrong.");

  api.get("/user", [](viewer me, aft::reader& db,
                      const keys& k) { return show(load(db, me.id), k, db.now()); })
      .summary("The current user");

  api.put("/user", aft::blocking([](aft::body<account_changes_body> in, viewer me,
                                    aft::database& db, const keys& k) {
            auto& user = in->user;
            std::string hash;
            if (user.password) hash = aft::hash_password(**user.password);
            return db.write([&](aft::transaction& tx) {
              auto a = load(tx, me.id);
              if (user.email) a.email = **user.email;
              if (user.username) a.username = **user.username;
              if (user.bio) a.bio = none_if_empty(*user.bio);
              if (user.image) a.image = none_if_empty(*user.image);
              if (!hash.empty()) a.password = hash;
              need_free(tx, a.id, a.email, a.username);
              tx.execute(
                  "update account set email = $2, username = $3, password = $4, bio = $5, image = "
                  "$6 "
                  "where id = $1",
                  a.id, a.email, a.username, a.password, a.bio, a.image);
              return show(a, k, tx.now());
            });
          }))
      .summary("Change the current user");
}

}  // namespace conduit
