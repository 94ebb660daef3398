// The document of an API, before its handlers are written: a front end can begin at once.

#include <aft/aft.hpp>

struct note {
  std::int64_t id;
  std::string title;
  static void rules(aft::rules<note>& r) { r(&note::title).example("Buy milk"); }
};
struct new_note {
  aft::text<1, 200> title;
};

int main() {
  aft::app app({.mock = true});
  app.get("/notes/{id}", aft::planned<std::optional<note>(std::int64_t)>()).etag();
  app.post("/notes", aft::planned<aft::created<note>(aft::body<new_note>)>())
      .operation_id("addNote")
      .answers(409, "It is there already.");
  app.document({.title = "Notes"});
  app.run({.port = 8080});
}

// What is sent is checked, and the answers are the document's examples; a client may ask for
// another one. http://127.0.0.1:8080/docs shows all of it, and tries it.
//
//   $ curl -s http://127.0.0.1:8080/notes/7; echo
//   {"id":1,"title":"Buy milk"}
//   $ curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/notes/seven
//   400
//   $ curl -s -H 'Prefer: code=409' --json '{"title":"Buy milk"}' http://127.0.0.1:8080/notes; echo
//   {"type":"about:blank","title":"Conflict","status":409,"detail":"It is there already."}

// A client in TypeScript whose types come from it (tests/outside/client.ts is one):
//
//   npx openapi-typescript http://127.0.0.1:8080/openapi.json --output api.ts
//
//   import createClient from "openapi-fetch";
//   import type { paths } from "./api.js";
//   const api = createClient<paths>({ baseUrl: "http://127.0.0.1:8080" });
//   const { data, error } = await api.POST("/notes", { body: { title: "Buy milk" } });
//
// Write a handler for planned<...> of the same signature, and the document stays as it is. In a
// test of yours broken_contract("openapi.json", app.openapi(info)) says what would break clients.
