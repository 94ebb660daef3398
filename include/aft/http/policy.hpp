#pragma once
// Who may use a route, as the program states it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aft {

enum class admission : std::uint8_t {
  unstated,
  anyone,
  signed_in,
};

// What a route asks of who calls it. Once accounts are in use (app::use), every route states one:
// by route::allow_anyone() and its like, by those of its group, or by an argument of its handler
// (aft::user). Else the start fails and names it.
struct route_policy {
  admission who = admission::unstated;
  std::vector<std::vector<std::string>> roles{};  // of each, one of them
  std::vector<std::string> permissions{};         // all of them
  bool fresh = false;                             // the password was shown a short while ago
};

// What the type of an argument asks.
struct argument_policy {
  admission who = admission::unstated;
  std::string_view role{};  // empty: any
  bool fresh = false;
};

// A route and who may use it.
struct listed_route {
  std::string method, pattern;
  route_policy policy;
};

// Whether who is signed in with these roles and permissions may; without, `signed_in` is false.
bool admits(const route_policy& policy, bool signed_in, const std::vector<std::string>& roles = {},
            const std::vector<std::string>& permissions = {});

// A table to print and to compare: a line for each route, a column for nobody, for who is signed in
// without a role, and for each role that a route names.
//                          nobody  signed in  admin
//   GET    /notes          -       yes        yes
//   DELETE /notes/{id}     -       -          yes
// Permissions and freshness stand behind: "needs note:write", "fresh".
std::string policy_matrix(const std::vector<listed_route>& routes);

}  // namespace aft
