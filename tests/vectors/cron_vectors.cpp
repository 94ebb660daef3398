// The next five times of schedules, in which three other libraries agree; and what they refuse.

#include <sstream>
#include <vector>

#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>
#include <aft/jobs/cron.hpp>

#include "vectors.hpp"

namespace {

struct due_case {
  std::string expr, tz;
  std::int64_t from_epoch;
  std::optional<std::vector<std::int64_t>> next;  // none: it is never due
};

struct invalid_case {
  std::string expr;
  int agree_refuse;
};

bool is_refused(const std::string& text) {
  try {
    aft::schedule s(text);
  } catch (const aft::configuration_error&) {
    return true;
  }
  return false;
}

bool is_right(const due_case& c) {
  if (!c.next) return is_refused(c.expr);
  const aft::schedule s(c.expr, c.tz);
  aft::time_point t(aft::seconds(c.from_epoch));
  for (const auto second : *c.next) {
    t = s.next(t);
    if (t != aft::time_point(aft::seconds(second))) {
      std::cerr << "due " << aft::to_rfc3339(t) << ", not " << second << "\n";
      return false;
    }
  }
  return true;
}

}  // namespace

int main() {
  int failures = 0, right = 0;
  const auto folder = vectors::folder("cron");
  std::istringstream lines(vectors::read(folder / "consensus.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto c = aft::json::read<due_case>(line, {.ignore_unknown = true});
    if (!c) {
      std::cerr << "wrong: " << aft::json::write(c.reason()) << "\n";
      return 1;
    }
    if (is_right(*c)) {
      ++right;
    } else {
      ++failures;
      std::cerr << "wrong: " << c->expr << " in " << c->tz << "\n";
    }
  }
  const auto invalid = aft::json::read<std::vector<invalid_case>>(
      vectors::read(folder / "invalid.json"), {.ignore_unknown = true});
  if (!invalid) {
    std::cerr << "wrong: " << aft::json::write(invalid.reason()) << "\n";
    return 1;
  }
  for (const auto& c : *invalid) {
    if (is_refused(c.expr)) {
      ++right;
    } else {
      ++failures;
      std::cerr << "wrong: taken though " << c.agree_refuse << " refuse it: " << c.expr << "\n";
    }
  }
  std::cout << right << " right, " << failures << " wrong\n";
  return failures || right < 130 ? 1 : 0;
}
