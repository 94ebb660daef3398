#include <aft/aft.hpp>

int main() {
  aft::app app;
  app.get("/hello/{name}", [](std::string name) { return "Hello, " + name + "!\n"; });
  app.run({.port = 8080});
}
