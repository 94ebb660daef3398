#include "fortunes.hpp"

#include <algorithm>
#include <string_view>

namespace bench {

// The rows of TechEmpower's benchmark, so that the answer can be compared with that of others.
const char* const fortune_schema = R"(
create table fortune (
  id      integer primary key,
  message text not null
) strict;
insert into fortune (id, message) values
  (1, 'fortune: No such file or directory'),
  (2, 'A computer scientist is someone who fixes things that aren''t broken.'),
  (3, 'After enough decimal places, nobody gives a damn.'),
  (4, 'A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1'),
  (5, 'A computer program does what you tell it to do, not what you want it to do.'),
  (6, 'Emacs is a nice operating system, but I prefer UNIX. — Tom Christaensen'),
  (7, 'Any program that runs right is obsolete.'),
  (8, 'A list is only as strong as its weakest link. — Donald Knuth'),
  (9, 'Feature: A bug with seniority.'),
  (10, 'Computers make very fast, very accurate mistakes.'),
  (11, '<script>alert("This should not be displayed in a browser alert box.");</script>'),
  (12, 'フレームワークのベンチマーク');
)";

namespace {

void append_escaped(std::string& out, std::string_view text) {
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#x27;"; break;
      default: out += c;
    }
  }
}

}  // namespace

std::string write_fortunes(std::vector<fortune> rows) {
  rows.push_back({0, "Additional fortune added at request time."});
  std::sort(rows.begin(), rows.end(),
            [](const fortune& a, const fortune& b) { return a.message < b.message; });
  std::string page =
      "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
      "<tr><th>id</th><th>message</th></tr>";
  for (const auto& row : rows) {
    page += "<tr><td>";
    page += std::to_string(row.id);
    page += "</td><td>";
    append_escaped(page, row.message);
    page += "</td></tr>";
  }
  page += "</table></body></html>";
  return page;
}

}  // namespace bench
