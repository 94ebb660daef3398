// What is made of the routes before the first request: on which lanes each runs, who may use it,
// and all that is wrong with them.

#include "dispatcher.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

namespace aft::http {
namespace {

// The greatest lane that these arguments need, with what they are made from.
void find_lanes(const argument_info* arguments, std::uint32_t count, bool making,
                const std::vector<provider>& providers, route_entry& entry, std::string& wrong) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto& a = arguments[i];
    if (a.kind == argument_kind::made) {
      find_lanes(a.needs, a.need_count, true, providers, entry, wrong);
    }
    if (a.kind != argument_kind::resource) continue;
    const auto found = std::find_if(providers.begin(), providers.end(),
                                    [&](const provider& p) { return p.key == a.key; });
    if (found == providers.end()) {
      wrong += fmt::format(
          "\n  {} takes {}&, which nobody provides; give it to app.state(), or for "
          "a database .database to the app",
          entry.label(), a.name);
      continue;
    }
    // A made argument may need a reader while it is made, but never a transaction: that would have
    // to be committed before the coroutine goes on.
    const bool kept = !making && (found->put || found->least != lane::io);
    if (entry.handler.info().result.is_later && (kept || found->least == lane::write)) {
      wrong += fmt::format(
          "\n  {} is a coroutine, but takes {}&, which none may keep while it waits; take "
          "aft::database& and ask it each time",
          entry.label(), a.name);
    }
    entry.run_lane = std::max(entry.run_lane, found->least);
    if (making) entry.extract_lane = std::max(entry.extract_lane, found->least);
  }
}

// Two operations of one id would be one function in a client.
void find_repeated_ids(const route_list& routes, std::string& wrong) {
  std::map<std::string, const route_entry*> known;
  for (const auto& entry : routes.entries) {
    if (entry->operation_id.empty() || entry->hidden) continue;
    const auto [at, fresh] = known.emplace(entry->operation_id, entry.get());
    if (!fresh) {
      wrong += fmt::format("\n  {} and {} have the same operation id \"{}\"", at->second->label(),
                           entry->label(), entry->operation_id);
    }
  }
}

void add_policies(const argument_info* arguments, std::uint32_t count, route_policy& to) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto& a = arguments[i];
    if (a.kind != argument_kind::made) continue;
    add_policies(a.needs, a.need_count, to);
    if (!a.policy) continue;
    to.who = std::max(to.who, a.policy->who);
    if (!a.policy->role.empty()) to.roles.push_back({std::string(a.policy->role)});
    to.fresh |= a.policy->fresh;
  }
}

}  // namespace

void dispatcher::check_policy(route_entry& entry, std::string& wrong) const {
  const auto& info = entry.handler.info();
  const auto stated = entry.policy.who;
  add_policies(info.arguments, info.argument_count, entry.policy);
  const auto who = entry.policy.who;
  if (!guard_.context) {
    if (who == admission::signed_in) {
      wrong += fmt::format(
          "\n  {} is for who is signed in, but there are no accounts; app.use them", entry.label());
    }
    return;
  }
  if (who == admission::unstated) {
    wrong += fmt::format(
        "\n  {} does not say who may use it; state allow_anyone(), require_user() or "
        "require_role(), or take an aft::user",
        entry.label());
  }
  if (stated == admission::anyone && who == admission::signed_in) {
    wrong += fmt::format("\n  {} is for anyone, but takes who is signed in", entry.label());
  }
  if (who != admission::signed_in) return;
  entry.is_guarded = true;
  entry.extract_lane = std::max(entry.extract_lane, guard_.least);
  entry.run_lane = std::max(entry.run_lane, guard_.least);
}

namespace {

void add_to_tree(route_tree& tree, const route_list& routes, std::size_t index,
                 std::string& wrong) {
  const auto& entry = *routes.entries[index];
  const auto other = tree.add(entry.method, entry.pattern, std::int32_t(index));
  if (other == route_tree::none) return;
  const auto& first = *routes.entries[std::size_t(other)];
  wrong += first.pattern == entry.pattern
               ? fmt::format("\n  {} is registered twice: {}", entry.label(), first.label())
               : fmt::format("\n  {} can never be reached: {} has the same shape", entry.label(),
                             first.label());
}

// What a route promises, but cannot keep on the lane that it runs on.
void check_lane(const route_entry& entry, std::string& wrong) {
  if (entry.idempotent && (entry.run_lane != lane::write || entry.takes_body_in_parts)) {
    wrong += fmt::format(
        "\n  {} is idempotent, but takes no transaction, with which its answer is stored, or its "
        "body in parts",
        entry.label());
  }
  if (entry.handler.least_lane == lane::work && entry.run_lane == lane::write) {
    wrong += fmt::format(
        "\n  {} is aft::blocking, but takes a transaction, which nothing may hold "
        "up; take aft::database& and write through it",
        entry.label());
  }
}

}  // namespace

void dispatcher::prepare_route(route_entry& entry, std::string& wrong) {
  const auto& info = entry.handler.info();
  entry.run_lane = entry.handler.least_lane;
  for (std::uint32_t a = 0; a < info.argument_count; ++a) {
    entry.takes_body_in_parts |= info.arguments[a].kind == argument_kind::body_into;
  }
  if (!info.is_planned) {
    find_lanes(info.arguments, info.argument_count, false, providers_, entry, wrong);
  }
  check_policy(entry, wrong);
  entry.time_limit = (entry.deadline.value_or(deadline).in_microseconds() + 999) / 1000;
  entry.outlives_buffer = entry.run_lane != lane::io || info.result.is_later;
  limits_.start(entry, wrong);
  entry.runs_at_once = entry.extract_lane == lane::io && !entry.outlives_buffer &&
                       !entry.is_guarded && !entry.is_limited && !entry.takes_body_in_parts &&
                       !entry.idempotent;
  check_lane(entry, wrong);
}

void dispatcher::start(route_list& routes) {
  std::string wrong;
  if (providers_.size() > 32) throw configuration_error("more than 32 states in one app");
  for (std::size_t i = 0; i < routes.entries.size(); ++i) {
    auto& entry = *routes.entries[i];
    add_to_tree(tree_, routes, i, wrong);
    entry.index = i;
    prepare_route(entry, wrong);
  }
  find_repeated_ids(routes, wrong);
  if (!wrong.empty()) throw configuration_error("the routes cannot be served:" + wrong);
  routes.closed = true;
  routes_ = &routes;
  counted_ = std::make_unique<tallies>(routes);
}

bool dispatcher::has_coroutines() const {
  const auto& all = routes_->entries;
  return std::any_of(all.begin(), all.end(),
                     [](const auto& e) { return e->handler.info().result.is_later; });
}

}  // namespace aft::http
