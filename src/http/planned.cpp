#include <aft/http/planned.hpp>

#include <charconv>

#include "call.hpp"
#include "dispatcher.hpp"
#include "openapi_operation.hpp"

namespace aft::http {
namespace {

// The status of "Prefer: code=404", as other mock servers take it; 0: none.
int preferred_status(const request& r) {
  const auto line = r.header("Prefer").value_or("");
  const auto at = line.find("code=");
  int status = 0;
  if (at != line.npos) std::from_chars(line.data() + at + 5, line.data() + line.size(), status);
  return status;
}

void answer_as_documented(call& c, int status) {
  for (const auto& [known, when] : problems_of(*c.route)) {
    if (known == status) return c.fail(status, when);
  }
  for (const auto& answer : c.route->answers) {
    if (answer.status != status || !answer.type) continue;
    c.answer.status = status;
    c.answer.content_type = json_type;
    return json::write_example(c.answer.body, answer.type());
  }
  c.fail(501, "the document of this route names no answer " + std::to_string(status));
}

}  // namespace

void answer_planned(call& c) {
  if (!c.owner->mock) return c.fail(501, "this route is planned, but not built yet");
  const auto& result = c.route->handler.info().result;
  const int status = preferred_status(c.incoming);
  if (status && status != result.status) return answer_as_documented(c, status);
  switch (result.kind) {
    case content::none: return reply_empty(c, result.status);
    case content::text: return reply_text(c, std::string_view("text"));
    case content::json:
      c.answer.status = result.status;
      c.answer.content_type = json_type;
      return json::write_example(c.answer.body, result.type());
    case content::custom: break;
  }
  c.fail(501, "this route is planned, and there is no example of what it will answer");
}

}  // namespace aft::http
