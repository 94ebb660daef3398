// Files in and out: an upload that never lies in memory, and a download with ranges.
//
// Run it from an empty directory: build/release/examples/13_files/files, and look at
// http://127.0.0.1:8080, or:
//
//   $ printf '%s' 'The quick brown fox' > fox.txt
//   $ curl -s localhost:8080/files -F title=Fox -F file=@fox.txt; echo
//   {"id":1,"title":"Fox","bytes":19}
//   $ curl -s localhost:8080/files/1; echo
//   The quick brown fox
//   $ curl -s -r 4-8 localhost:8080/files/1; echo
//   quick
//   $ curl -sI localhost:8080/files/1 | grep -i disposition | cut -d: -f2 | tr -d '\r'
//    attachment; filename*=UTF-8''Fox.txt
//   $ curl -s localhost:8080/files -F title=Nothing | cut -d, -f3,4
//   "status":422,"detail":"a file is missing"}
#include <aft/aft.hpp>

constexpr const char* page = R"(<!doctype html><title>Files</title>
<form method="post" action="/files" enctype="multipart/form-data">
<input name="title" required> <input type="file" name="file" required> <button>Keep</button>
</form>)";

struct kept_file {
  std::int64_t id;
  std::string title;
  std::int64_t bytes;
};

std::string path_of(std::int64_t id) { return "file-" + std::to_string(id); }

int main() {
  aft::app app({.database = "files.db"});
  app.migrate({"001_files",
               "create table file (id integer primary key, title text not null, "
               "bytes integer not null) strict"});
  app.get("/", [] { return aft::html(page); });

  // The form is read as it comes: its file lies on the disk without a name, and is gone where
  // nobody keeps it.
  app.post("/files", aft::blocking([](aft::body_into<aft::form_data> form, aft::database& db) {
             const auto* sent = form->file("file");
             if (!sent) throw aft::problem{422, "a file is missing"};
             const auto title = std::string(form->field("title").value_or("untitled"));
             return db.write([&](aft::transaction& tx) {
               auto saved =
                   tx.one<kept_file>("insert into file (title, bytes) values ($1, $2) returning *",
                                     title, std::int64_t(sent->content.size()));
               sent->content.save_as(path_of(saved.id));  // whole, or the row is not there either
               return saved;
             });
           }))
      .max_body(100 << 20);

  app.get("/files/{id}", [](std::int64_t id, aft::reader& db) {
    const auto title = db.find<std::string>("select title from file where id = $1", id);
    if (!title) throw aft::problem{404, "no such file"};
    return aft::file(path_of(id)).type("text/plain").download_as(*title + ".txt");
  });
  app.run({.port = 8080});
}
