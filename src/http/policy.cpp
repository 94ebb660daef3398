#include <aft/http/policy.hpp>

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace aft {
namespace {

bool holds(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::string conditions_of(const route_policy& p) {
  std::string text;
  for (const auto& permission : p.permissions) text += "  needs " + permission;
  if (p.fresh) text += "  fresh";
  return text;
}

}  // namespace

bool admits(const route_policy& policy, bool signed_in, const std::vector<std::string>& roles,
            const std::vector<std::string>& permissions) {
  switch (policy.who) {
    case admission::unstated: return false;
    case admission::anyone: return true;
    case admission::signed_in: break;
  }
  const auto has_one_of = [&](const std::vector<std::string>& names) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return holds(roles, name); });
  };
  return signed_in && std::all_of(policy.roles.begin(), policy.roles.end(), has_one_of) &&
         std::all_of(policy.permissions.begin(), policy.permissions.end(),
                     [&](const std::string& p) { return holds(permissions, p); });
}

std::string policy_matrix(const std::vector<listed_route>& routes) {
  std::set<std::string> roles;
  std::size_t longest = 0;
  for (const auto& r : routes) {
    for (const auto& names : r.policy.roles) roles.insert(names.begin(), names.end());
    longest = std::max(longest, r.pattern.size());
  }
  std::string text = fmt::format("{:{}}  nobody  signed in", "", 7 + longest);
  for (const auto& role : roles) text += "  " + role;
  text += '\n';
  const auto word = [](bool may) { return may ? "yes" : "-"; };
  for (const auto& r : routes) {
    auto without = r.policy;  // what a role has of permissions is the program's own affair
    without.permissions.clear();
    std::string line = fmt::format("{:6} {:{}}  {:6}  {:9}", r.method, r.pattern, longest,
                                   word(admits(without, false)), word(admits(without, true)));
    for (const auto& role : roles) {
      line += fmt::format("  {:{}}", word(admits(without, true, {role})), role.size());
    }
    line += conditions_of(r.policy);
    while (line.ends_with(' ')) line.pop_back();
    text += line + '\n';
  }
  return text;
}

}  // namespace aft
