#pragma once
// What is unsafe about an app's options where strangers call it, and its data count.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aft {

enum class finding_weight : std::uint8_t {
  unsafe,  // somebody can read, change or lose what he must not
  advice,  // fine for some programs
};

// One thing that app::self_check has found.
//
// Unsafe: open-plain-http, any-host, credentials-in-url, unverified-server, memory-database,
// not-durable, no-backups, readable-database, readable-key, any-proxy, no-page-policy, no-hsts.
// Advice: any-origin, no-hosts, no-log, no-deadline, root, open-socket, backups-beside,
// plain-backups, unverified-backups.
struct finding {
  std::string_view code;  // stable, for programs that let some pass
  finding_weight weight;
  std::string what;    // one sentence
  std::string remedy;  // one sentence
};

// A line for each, for people: "unsafe no-backups: Nothing is backed up. Set app_options::backups."
std::string describe(const std::vector<finding>& findings);

// Whether one of them is unsafe: what a program gives back as its exit status.
bool is_unsafe(const std::vector<finding>& findings);

}  // namespace aft
