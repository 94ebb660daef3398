// Events: whoever looks on is told at once, and told what was missed after a break.
//
// Run it, and look at http://127.0.0.1:8080 in two windows, or:
//
//   $ u=localhost:8080; (curl -sNm 2 $u/events & sleep 1; curl -s $u/say -d Hi; wait) | grep data
//   data: {"number":1,"text":"Hi"}
#include <aft/aft.hpp>

#include <atomic>

constexpr const char* page = R"(<!doctype html><title>Said</title>
<form onsubmit="fetch('/say', {method: 'POST', body: text.value}); text.value = ''; return false">
<input id="text" autofocus> <button>Say</button></form><ol id="said"></ol>
<script>
new EventSource('/events').addEventListener('said', e => {
  const line = document.createElement('li');
  line.textContent = JSON.parse(e.data).text;
  said.append(line);
});
</script>)";

struct said {
  int number;
  std::string text;
};

int main() {
  aft::event_feed feed;  // keeps the last thousand, for those who come back
  std::atomic<int> count{0};
  aft::app app;
  app.state(feed);
  app.get("/", [] { return aft::html(page); });
  app.get("/events", [](aft::event_feed& f) { return aft::event_stream(f); });
  app.post("/say", [&count](aft::body<std::string> text, aft::event_feed& f) {
    f.publish(said{++count, *text}, "said");
  });
  app.run({.port = 8080});
}
