#include "self_check.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "../http/ip_address.hpp"

namespace aft {
namespace {

bool has(const std::vector<std::string>& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

bool is_postgres_url(std::string_view url) {
  return url.starts_with("postgresql://") || url.starts_with("postgres://");
}

// "user:secret@host:5432" of a URL, parted.
struct url_authority {
  std::string_view user, secret, host;
};
url_authority authority_of(std::string_view url) {
  url.remove_prefix(std::min(url.find("://") + 3, url.size()));
  auto rest = url.substr(0, url.find_first_of("/?"));
  url_authority found;
  if (const auto at = rest.rfind('@'); at != rest.npos) {
    const auto who = rest.substr(0, at);
    const auto colon = who.find(':');
    found.user = who.substr(0, colon);
    if (colon != who.npos) found.secret = who.substr(colon + 1);
    rest.remove_prefix(at + 1);
  }
  found.host = rest.substr(0, rest.starts_with('[') ? rest.find(']') + 1 : rest.find(':'));
  return found;
}

bool is_own_host(std::string_view host) {
  return host.empty() || host == "localhost" || host.starts_with("127.") || host == "[::1]" ||
         host.starts_with("%2F") || host.starts_with("%2f");
}

class checking {
 public:
  checking(const app_options& options, bool has_log, const listen_options& listen)
      : options_(options), listen_(listen), has_log_(has_log) {}

  std::vector<finding> run() && {
    check_places();
    check_callers();
    check_pages();
    check_database();
    check_backups();
    check_process();
    return std::move(found_);
  }

 private:
  void unsafe(std::string_view code, std::string what, std::string remedy) {
    found_.push_back({code, finding_weight::unsafe, std::move(what), std::move(remedy)});
  }
  void advise(std::string_view code, std::string what, std::string remedy) {
    found_.push_back({code, finding_weight::advice, std::move(what), std::move(remedy)});
  }

  // Where it listens: whether strangers can come, and what they can hear.
  void check_places() {
    auto places = listen_.also;
    places.push_back(listen_.address);
    for (const auto& place : places) check_place(place);
    for (const auto& c : listen_.tls.certificates) {
      if (!is_open_to_others(c.key)) continue;
      unsafe("readable-key", fmt::format("Other users can read the key {}.", c.key),
             "Give it to this user alone: chmod 600.");
    }
    if (has(listen_.trusted_proxies, "0.0.0.0/0") || has(listen_.trusted_proxies, "::/0")) {
      unsafe("any-proxy", "Everybody is believed who he says he is.",
             "Name the proxies alone in listen_options::trusted_proxies.");
    }
  }

  void check_place(std::string_view place) {
    if (place.starts_with("unix:")) {
      if ((listen_.socket_mode & 0007) == 0 || told_socket_) return;
      told_socket_ = true;
      return advise("open-socket", "Every user of this machine can connect to the Unix socket.",
                    "Set listen_options::socket_mode to 0660, and the group of its directory.");
    }
    if (place == "inherited") return;  // whoever made them knows
    const bool is_plain = place.starts_with("http://") || listen_.tls.certificates.empty();
    if (place.starts_with("http://")) place.remove_prefix(7);
    place = without_port(place);
    if (is_own_host(place)) return;
    if (const auto bare = http::ip_address::parse(place); bare && is_loopback(*bare)) return;
    is_open_ = true;
    const bool sends_on = !listen_.tls.certificates.empty() && listen_.tls.redirect_pages;
    if (!is_plain || !listen_.trusted_proxies.empty() || sends_on || told_plain_) return;
    told_plain_ = true;
    unsafe("open-plain-http",
           fmt::format("Whoever is on the way reads and changes what is said at {}.", place),
           "Set listen_options::tls, or listen on loopback behind a proxy that speaks TLS.");
  }

  // "127.0.0.1:80" and "[::1]:80", of which an address of IPv6 alone has nothing.
  static std::string_view without_port(std::string_view place) {
    if (place.starts_with('[')) return place.substr(1, place.find(']') - 1);
    const auto colon = place.find(':');
    return colon != place.npos && colon == place.rfind(':') ? place.substr(0, colon) : place;
  }

  static bool is_loopback(const http::ip_address& a) {
    constexpr std::uint8_t v6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return a.is_v4() ? a.bytes[12] == 127 : std::equal(a.bytes.begin(), a.bytes.end(), v6);
  }

  void check_callers() {
    if (has(options_.access.hosts, "*")) {
      unsafe("any-host", "A page whose name points here is answered as if it were ours.",
             "Name the hosts in access_options::hosts.");
    } else if (is_open_ && options_.access.hosts.empty()) {
      advise("no-hosts", "Who calls this server by a name gets 421.",
             "Name it in access_options::hosts.");
    }
    if (has(options_.access.origins, "*")) {
      advise("any-origin", "Pages of every site can call this server, though without credentials.",
             "Name them in access_options::origins, unless callers are known by tokens alone.");
    }
    if (options_.lanes.deadline <= duration()) {
      advise("no-deadline", "A request may take for ever.", "Set lane_options::deadline.");
    }
  }

  void check_pages() {
    if (options_.pages.content_security_policy.empty()) {
      unsafe("no-page-policy", "Text that is smuggled into a page can run there as a program.",
             "Leave page_options::content_security_policy as it is, or name what pages need.");
    }
    if (!listen_.tls.certificates.empty() && listen_.tls.hsts <= duration()) {
      unsafe("no-hsts", "A browser's first request to this host may go unencrypted each time.",
             "Leave tls_options::hsts at a year.");
    }
  }

  void check_database() {
    const auto& url = options_.database;
    if (url.empty()) return;
    if (!options_.storage.durable) {
      unsafe("not-durable", "What was answered as stored can be lost with the power.",
             "Leave storage_options::durable on.");
    }
    if (is_postgres_url(url)) return check_server(url);
    if (url == ":memory:") {
      return unsafe("memory-database", "All data go when the program ends.",
                    "Give app_options::database a file or a server.");
    }
    if (is_open_to_others(url)) {
      unsafe("readable-database", fmt::format("Other users can read {}.", url),
             "Give it, and the files beside it, to this user alone: chmod 600, or UMask=0077.");
    }
  }

  void check_server(std::string_view url) {
    const auto parts = authority_of(url);
    if (!parts.secret.empty()) {
      unsafe("credentials-in-url", "The database's password is where URLs get: lists of processes.",
             "Leave it to PGPASSWORD, PGPASSFILE or ~/.pgpass.");
    }
    if (is_own_host(parts.host) || url.find("sslmode=verify-full") != url.npos) return;
    unsafe("unverified-server", "Somebody on the way can be the database, and read everything.",
           "Add ?sslmode=verify-full&sslrootcert=... to the URL.");
  }

  void check_backups() {
    const auto& url = options_.database;
    if (url.empty() || url == ":memory:" || is_postgres_url(url)) return;
    const auto& b = options_.backups;
    const auto& archive = options_.storage.archive.directory;
    if (b.directory.empty() && archive.empty()) {
      return unsafe("no-backups", "Nothing is backed up.",
                    "Set app_options::backups, or storage_options::archive.");
    }
    for (const auto& place : {b.directory, archive}) {
      if (place.empty() || !is_on_disk_of(url, place)) continue;
      advise("backups-beside", fmt::format("{} is on the disk of the database.", place),
             "Put it on another disk, or copy it to another machine.");
    }
    if (b.directory.empty()) return;
    if (b.backup.key.bytes.empty() && b.backup.key.passphrase.empty()) {
      advise("plain-backups", "Who gets at a backup has all data.",
             "Set backup_options::key, and keep it elsewhere.");
    }
    if (b.verify_every <= duration()) {
      advise("unverified-backups", "Nobody knows whether the backups can be restored.",
             "Leave drill_options::verify_every at a day.");
    }
  }

  void check_process() {
    if (!has_log_) {
      advise("no-log", "Nobody is told what fails.", "Set app_options::log.");
    }
    if (::geteuid() == 0) {
      advise("root", "A fault in the program is one in the whole machine.",
             "Run it as a user of its own.");
    }
  }

  static bool is_open_to_others(const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 && (found.st_mode & (S_IROTH | S_IWOTH));
  }

  static bool is_on_disk_of(const std::string& file, std::string place) {
    struct stat one {
    }, other{};
    auto folder = file.substr(0, file.rfind('/') == file.npos ? 0 : file.rfind('/') + 1);
    if (folder.empty()) folder = ".";
    while (::stat(place.c_str(), &other) != 0) {  // it is made later
      const auto slash = place.rfind('/');
      if (slash == place.npos || slash == 0) return false;
      place.resize(slash);
    }
    return ::stat(folder.c_str(), &one) == 0 && one.st_dev == other.st_dev;
  }

  const app_options& options_;
  const listen_options& listen_;
  const bool has_log_;
  bool is_open_ = false, told_plain_ = false, told_socket_ = false;
  std::vector<finding> found_{};
};

}  // namespace

std::vector<finding> check_options(const app_options& options, bool has_log,
                                   const listen_options& listen) {
  return checking(options, has_log, listen).run();
}

std::string describe(const std::vector<finding>& findings) {
  std::string text;
  for (const auto& f : findings) {
    text += fmt::format("{} {}: {} {}\n", f.weight == finding_weight::unsafe ? "unsafe" : "advice",
                        f.code, f.what, f.remedy);
  }
  return text;
}

bool is_unsafe(const std::vector<finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const finding& f) { return f.weight == finding_weight::unsafe; });
}

}  // namespace aft
