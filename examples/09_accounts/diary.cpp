// Accounts: routes and pages to register, log in and so on; handlers that take who is signed in;
// and rows that are their owner's alone.
//
// Run it from an empty directory: build/release/examples/09_accounts/diary, and look at
// http://localhost:8080/account, or:
//
//   $ curl -s localhost:8080/days | cut -d, -f3-
//   "status":401,"detail":"nobody is signed in","code":"not_signed_in"}
//   $ echo '{"email":"ada@example.org","password":"12345678"}' > weak
//   $ curl -s localhost:8080/api/account/register --json @weak | cut -d, -f4
//   "detail":"the password is among those that are guessed first; take another"
//   $ echo '{"email":"ada@example.org","password":"kelp harbor quilt"}' > me
//   $ curl -s localhost:8080/api/account/register --json @me
//   $ curl -s localhost:8080/api/account/confirm --json "{\"token\":\"$(cat mailbox)\"}"
//   $ curl -s -c jar localhost:8080/api/account/login --json @me; echo
//   {"id":1,"email":"ada@example.org","verified":true,"roles":[]}
//   $ curl -s -b jar localhost:8080/days --json '{"text":"It rained."}'; echo
//   {"id":1,"text":"It rained."}
//   $ curl -s -b jar localhost:8080/days; echo
//   [{"id":1,"text":"It rained."}]
//   $ echo '{"name":"script","scopes":[]}' > wanted
//   $ curl -s -b jar localhost:8080/api/account/api-keys --json @wanted > made
//   $ curl -s -H "Authorization: Bearer $(cut -d'"' -f6 made)" localhost:8080/days; echo
//   [{"id":1,"text":"It rained."}]
//   $ curl -s -b jar localhost:8080/all-days -w '%{http_code}' -o /dev/null; echo
//   403
//   $ curl -s -b jar -H 'Sec-Fetch-Site: cross-site' localhost:8080/days --json @me | cut -d, -f4
//   "detail":"a page of another origin may not do this"}
#include <fstream>

#include <aft/aft.hpp>

struct day {
  std::int64_t id;
  std::string text;
};

struct new_day {
  aft::text<1, 10'000> text;
};

int main() {
  aft::app app({.database = "diary.db"});
  app.migrate({"001_days",
               "create table day (id integer primary key, owner integer not null, "
               "text text not null) strict;"
               "create index day_of_owner on day (owner)"});

  app.use(aft::accounts{
      .site = "http://localhost:8080",
      .site_name = "Diary",
      // In the transaction that wants it sent: a program says aft::account_mail() here.
      .on_message = [](aft::transaction&,
                       const aft::account_message& m) { std::ofstream("mailbox") << m.token; },
      .api_keys = "diary",  // by which programs come in
  });

  app.get("/", [](const aft::optional_user& who) {  // for anybody
    return who ? "The diary of " + who->email + "\n" : "A diary. Log in at /account.\n";
  });

  app.get("/days", [](const aft::user& me, aft::reader& db) {  // who is not signed in: 401
    return db.all<day>(aft::sql_text("select id, text from day where")
                           .add(aft::rows_of(me, {.owner = "owner"}))
                           .add("order by id"));
  });

  app.post("/days", [](aft::body<new_day> in, const aft::user& me, aft::transaction& tx) {
    return tx.one<day>("insert into day (owner, text) values ($1, $2) returning id, text", me.id,
                       in->text);
  });

  app.get("/all-days", [](const aft::user_with<"admin">&, aft::reader& db) {  // others: 403
    return db.all<day>("select id, text from day order by id");
  });

  app.del("/days", [](const aft::fresh_user& me, aft::transaction& tx) {
    tx.execute("delete from day where owner = $1", me.id);  // only with the password just shown
  });

  app.get("/about", [] { return "Nothing but days.\n"; }).allow_anyone();  // or it does not start

  app.run({.port = 8080});
}
