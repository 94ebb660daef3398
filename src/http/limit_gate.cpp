#include "limit_gate.hpp"

#include <algorithm>
#include <exception>

#include <fmt/format.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>

#include "call.hpp"
#include "route_list.hpp"

namespace aft::http {
namespace {

// Needs the database, or may.
bool comes_late(const limiter& l) { return l.asks_who() || l.is_shared(); }

}  // namespace

void limit_gate::start(route_entry& entry, std::string& wrong) {
  for (auto* l : entry.limits) {
    l->use(*time);
    entry.is_limited = true;
    if (l->asks_who()) {
      entry.limit_lane = std::max(entry.limit_lane, callers.least);
      if (!callers.context) {
        wrong += fmt::format("\n  {} has a limit by user, but there are no accounts; app.use them",
                             entry.label());
      }
    }
    if (l->is_shared()) {
      const auto [known, fresh] = shared_names_.emplace(l->name(), l);
      if (!fresh && known->second != l) {
        wrong += fmt::format("\n  {} has a shared limit with the name of another one: {}",
                             entry.label(), l->name());
      }
      entry.limit_lane = std::max(entry.limit_lane, lane::work);
      if (!shared.context) {
        wrong += fmt::format(
            "\n  {} has a shared limit, but there is no database; give .database to the app",
            entry.label());
      }
    }
  }
  entry.outlives_buffer |= entry.limit_lane != lane::io;
  // Rates before places, so that what holds one of these has passed all others.
  std::stable_sort(
      entry.limits.begin(), entry.limits.end(),
      [](const limiter* a, const limiter* b) { return a->counts_places() < b->counts_places(); });
}

// The last one taken has refused: the others are given back.
void limit_gate::refuse(call& c) const {
  const auto& last = c.limits.back();
  for (auto l = c.limits.begin(); l != c.limits.end() - 1; ++l) l->of->undo(*l);
  c.held.reset();
  const auto seconds =
      std::max<std::int64_t>((last.what.retry_in + 999'999'999) / 1'000'000'000, 1);
  c.failed = true;
  c.failure = problem{429, last.of->refusal() + "; try again later", "rate_limited"};
  c.failure.retry_after_seconds = int(std::min<std::int64_t>(seconds, 1'000'000'000));
}

bool limit_gate::take(call& c, limiter& l, std::vector<shared_take>* to_share) const {
  const auto caller = l.asks_who() ? callers.find(callers.context, c, l.by()) : std::string();
  const auto text = l.key_text(c.incoming, caller);
  if (!text) return true;
  const auto key = l.hash(*text);
  c.limits.push_back({&l, key, l.take(key)});
  if (!c.limits.back().what.is_given) return refuse(c), false;
  if (l.counts_places()) c.held = hold_place(l, key, std::move(c.held));
  if (to_share) {
    to_share->push_back({l.name(), to_base64url(sha256(*text)), l.most_keys(), l.pace(), l.now()});
  }
  return true;
}

bool limit_gate::take_first(call& c) const {
  for (auto* l : c.route->limits) {
    if (!comes_late(*l) && !take(c, *l)) return false;
  }
  return true;
}

bool limit_gate::take_rest(call& c) const {
  for (auto* l : c.route->limits) {
    if (comes_late(*l) && !l->is_shared() && !take(c, *l)) return false;
  }
  // What has been used up here alone is not worth a query.
  std::vector<shared_take> all;
  const auto first = c.limits.size();
  for (auto* l : c.route->limits) {
    if (l->is_shared() && !take(c, *l, &all)) return false;
  }
  return all.empty() || take_shared(c, all, first);
}

bool limit_gate::take_shared(call& c, std::vector<shared_take>& all, std::size_t first) const {
  try {
    shared.take(shared.context, all);
  } catch (const std::exception& e) {
    log_.write(
        log_level::warning, "http",
        std::string("shared limits could not be asked, so this process counts alone: ") + e.what());
    return true;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto& l = c.limits[first + i];
    l.what = l.of->learn(l.key, all[i].is_given, all[i].full_at);
  }
  const auto refused = std::find_if(c.limits.begin() + std::ptrdiff_t(first), c.limits.end(),
                                    [](const taken_limit& l) { return !l.what.is_given; });
  if (refused == c.limits.end()) return true;
  std::rotate(refused, refused + 1, c.limits.end());
  return refuse(c), false;
}

}  // namespace aft::http
