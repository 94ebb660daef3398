// Mail that goes out if its transaction commits, and never if it does not; here into a sink in the
// program, by .smtp to the world.
//
// Run it from an empty directory: build/release/examples/17_mail/mail
//
//   $ echo '{"email":"bob@example.org","name":"Bob"}' > bob
//   $ curl -s localhost:8080/invitations --json @bob; echo
//   1
//   $ curl -s localhost:8080/invitations --json @bob | cut -d, -f3
//   "status":409
//   $ curl -s localhost:8080/sent; echo
//   ["To bob@example.org: An invitation. Dear Bob, come and see."]
#include <mutex>

#include <aft/aft.hpp>

struct invitation {
  aft::email email;
  aft::text<1, 100> name;
};

// {{name}} is a field of the struct; one that it does not have stops the start. With
// aft::escaping::html values may go into HTML.
const aft::text_template<invitation> letter("Dear {{name}}, come and see.");

int main() {
  aft::mail_sink sink;
  aft::app app({.database = "mail.db",
                .mail = {.from = {"club@example.org", "The Club"},
                         // .smtp = {.host = "smtp.example.org", .user = "club", .password = ...},
                         .sink = &sink}});
  app.migrate({"001_guests",
               "create table guest (id integer primary key, email text not null unique) strict"});

  app.post("/invitations", [](aft::body<invitation> in, aft::transaction& tx) {
    const auto id =
        tx.one<std::int64_t>("insert into guest (email) values ($1) returning id", in->email);
    const auto sent = aft::send_mail(
        tx,
        {.to = {{in->email, in->name}}, .subject = "An invitation", .text = letter.render(*in)});
    if (!sent) throw aft::problem{422, std::string(to_string(sent.reason()))};
    return id;
  });  // a second guest of that address is answered 409, and gets no second mail

  std::mutex mutex;
  std::vector<std::string> lines;
  app.get("/sent", [&] {
    std::lock_guard lock(mutex);
    for (const auto& m : sink.take()) {
      lines.push_back("To " + m.to + ": " + m.mail.subject + ". " + m.mail.text);
    }
    return lines;
  });
  app.run({.port = 8080});
}
