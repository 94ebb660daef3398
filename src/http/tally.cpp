#include "tally.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "call.hpp"
#include "route_list.hpp"

namespace aft::http {
namespace {

constexpr std::array<std::int64_t, 14> bounds_in_nanoseconds = {
    5'000'000,     10'000'000,    25'000'000,    50'000'000,    75'000'000,
    100'000'000,   250'000'000,   500'000'000,   750'000'000,   1'000'000'000,
    2'500'000'000, 5'000'000'000, 7'500'000'000, 10'000'000'000};

std::string method_text(std::uint32_t key) {
  const auto m = method(key >> 16);
  return m == method::other ? "_OTHER" : std::string(to_string(m));
}

}  // namespace

tally::~tally() {
  for (auto& s : slots_) {
    for (auto* one = s.first.load(); one;) {
      auto* next = one->next;
      delete one;
      one = next;
    }
  }
}

tally::series& tally::find(slot& s, std::uint32_t key) {
  auto* first = s.first.load(std::memory_order_relaxed);
  auto* found = first;
  while (found && found->key != key) found = found->next;
  if (!found) {
    found = new series{key, first};
    s.first.store(found, std::memory_order_release);
  }
  s.last_used = found;
  return *found;
}

void tally::answered(const call& c) {
  const auto key = std::uint32_t(c.head.method) << 16 | std::uint32_t(c.answer.status);
  if (!pending_ || c.route != pending_route_ || key != pending_->key || c.began != pending_began_) {
    if (pending_) record();
    auto& s = c.route ? slots_[c.route->index] : slots_.back();
    pending_ = s.last_used && s.last_used->key == key ? s.last_used : &find(s, key);
    pending_route_ = c.route;
    pending_began_ = c.began;
  }
  ++pending_count_;
  pending_sent_ += c.answer.content().size();
  pending_received_ += c.incoming.body().size();
}

void tally::record() {
  moment_ = now();
  const auto took = std::max<std::int64_t>(moment_ - pending_began_, 0);
  std::size_t i = 0;
  while (i < bound_count && took > bounds_in_nanoseconds[i]) ++i;
  auto& s = *std::exchange(pending_, nullptr);
  add(s.counts[i], pending_count_);
  add(s.nanoseconds, pending_count_ * std::uint64_t(took));
  add(s.sent, std::exchange(pending_sent_, 0));
  add(s.received, std::exchange(pending_received_, 0));
  pending_count_ = 0;
}

tally& tallies::take() {
  std::lock_guard lock(mutex_);
  if (free_.empty()) return all_.emplace_back(routes_.entries.size());
  auto* t = free_.back();
  free_.pop_back();
  return *t;
}

void tallies::give_back(tally& t) {
  std::lock_guard lock(mutex_);
  t.flush();
  free_.push_back(&t);
}

void tallies::collect(metric_sink& to) const {
  struct sum {
    histogram_values times{};
    std::uint64_t received = 0, sent = 0;
  };
  std::map<std::pair<std::size_t, std::uint32_t>, sum> sums;
  std::int64_t active = 0;
  {
    std::lock_guard lock(mutex_);
    for (const auto& t : all_) {
      active += std::int64_t(t.elsewhere_.load(std::memory_order_relaxed));
      for (std::size_t r = 0; r < t.slots_.size(); ++r) {
        for (const auto* s = t.slots_[r].first.load(std::memory_order_acquire); s; s = s->next) {
          auto& into = sums[{r, s->key}];
          into.times.counts.resize(s->counts.size());
          for (std::size_t i = 0; i < s->counts.size(); ++i) {
            into.times.counts[i] += s->counts[i].load(std::memory_order_relaxed);
          }
          into.times.sum += double(s->nanoseconds.load(std::memory_order_relaxed)) / 1e9;
          into.received += s->received.load(std::memory_order_relaxed);
          into.sent += s->sent.load(std::memory_order_relaxed);
        }
      }
    }
  }
  static const metric duration{"http.server.request.duration",
                               "Time from a request's arrival to its answer.", "s"};
  static const metric received{"http.server.request.body.size",
                               "Bytes of the bodies of requests, without their coding.", "By"};
  static const metric sent{"http.server.response.body.size",
                           "Bytes of the bodies of answers, without those of streams.", "By"};
  for (const auto& [key, s] : sums) {
    const auto route =
        key.first < routes_.entries.size() ? routes_.entries[key.first]->pattern : std::string();
    const metric_labels labels = {
        {"http.request.method", method_text(key.second)},
        {"http.response.status_code", std::to_string(key.second & 0xffff)},
        {"http.route", route}};
    to.distribution(duration, labels, http_buckets(), s.times);
    to.count(received, labels, double(s.received));
    to.count(sent, labels, double(s.sent));
  }
  to.level(
      {"http.server.active_requests",
       "Requests on lanes beside the event loops: their handlers wait or run there.", "{request}"},
      {}, double(active));
}

}  // namespace aft::http
