// One program, two engines: SQLite in a file, or PostgreSQL where several processes write.
//
// Run it from an empty directory: build/release/examples/16_postgres/stock, or with the URL of a
// PostgreSQL database, such as postgresql://ada@localhost/stock. Either way it prints, because
// transactions see each other as if they came one after another:
//
//   sold 5, refused 3
//   0 left
#include <atomic>
#include <cstdio>
#include <thread>

#include <aft/aft.hpp>

int main(int count, char** words) try {
  aft::app app({.database = count > 1 ? words[1] : "stock.db",
                .storage = {.max_writers = 4}});  // of PostgreSQL; SQLite has one writer
  app.migrate({"001_stock", R"(
    create table stock (
      item     text not null primary key,
      number   integer not null check (number >= 0),
      since    timestamp not null,  -- what each engine has for it: a number, a timestamptz
      supplier json not null
    ) strict;
  )"});
  app.seed([](aft::transaction& tx) {
    tx.execute(
        "insert into stock (item, number, since, supplier) values ('tea', 5, $1, '{}') "
        "on conflict (item) do update set number = 5",
        tx.now());
  });

  // Reads, decides, writes. On PostgreSQL those that get in each other's way run again.
  app.post("/sales/{item}", [](std::string item, aft::transaction& tx) {
    const auto left = tx.find<int>("select number from stock where item = $1", item);
    if (!left || *left == 0) throw aft::problem{409, "there is none left"};
    tx.execute("update stock set number = $2 where item = $1", item, *left - 1);
  });

  app.prepare();
  std::atomic<int> sold{0}, refused{0};
  {
    std::vector<std::jthread> customers;
    for (int i = 0; i < 8; ++i) {
      customers.emplace_back([&app, &sold, &refused] {
        const auto answer = app.handle({.method = "POST", .target = "/sales/tea"});
        ++(answer.status == 204 ? sold : refused);
      });
    }
  }
  std::printf("sold %d, refused %d\n", sold.load(), refused.load());
  std::printf("%d left\n", app.db().one<int>("select number from stock where item = 'tea'"));
} catch (const aft::error& e) {
  std::fprintf(stderr, "stock: %s\n", e.what());
  return 1;
}
