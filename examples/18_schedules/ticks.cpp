// Work that comes by the clock: a job for each moment of a schedule, once however many processes
// run. What came due while none did is made up for, or not, as schedule_options says.
//
// Run it from an empty directory: build/release/examples/18_schedules/ticks
//
//   $ curl -s 'localhost:8080/report?after=2026-03-28T12:00:00Z'; echo
//   {"next":"2026-03-30T07:00:00Z"}
//   $ curl -s 'localhost:8080/report?after=2026-10-24T12:00:00Z'; echo
//   {"next":"2026-10-26T08:00:00Z"}
//   $ curl -s localhost:8080/ticks; echo
//   {"ticked":true}
#include <aft/aft.hpp>

struct tick {};  // a job that needs to know nothing

struct asked {
  aft::time_point after;
};
struct report_time {
  aft::time_point next;
};
struct ticks {
  bool ticked;
};

int main() {
  aft::app app({.database = "ticks.db"});
  app.migrate({"001_ticks", "create table second (at timestamp not null) strict"});

  app.job<tick>([](tick, aft::transaction& tx) {
    tx.execute("insert into second (at) values ($1)", tx.now());
  });
  app.schedule("tick", aft::schedule("* * * * * *"), tick{});  // six fields: with seconds
  app.get("/ticks", [](aft::reader& db) {
    return ticks{db.one<bool>("select exists (select 1 from second)")};
  });

  // At nine on the clocks of Berlin, in summer as in winter.
  const aft::schedule report("0 9 * * MON-FRI", "Europe/Berlin");
  app.get("/report", [&report](aft::query<asked> q) { return report_time{report.next(q->after)}; });
  app.run({.port = 8080});
}
