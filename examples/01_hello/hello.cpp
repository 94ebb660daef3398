#include <aft/aft.hpp>

int main() {
  aft::app app;
  app.get("/hello/{name}", [](std::string name) { return "Hello, " + name + "!\n"; });
  app.run({.port = 8080});
}

// A signature is the whole contract: {name} of the path becomes the handler's parameter.
//
//   $ curl -s localhost:8080/hello/Ada
//   Hello, Ada!
//   $ curl -s localhost:8080/goodbye
//   {"type":"about:blank","title":"Not Found","status":404,"detail":"no such path"}
