#include "server_address.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <aft/storage/errors.hpp>

namespace aft::storage::postgres {
namespace {

constexpr int oldest_server = 120000;  // PostgreSQL 12

struct parsed_options {
  PQconninfoOption* list;
  ~parsed_options() { PQconninfoFree(list); }
};

// Written for hosts and names, of which messages quote the whole.
void hide(std::string& message, const std::string& secret) {
  if (secret.empty()) return;
  constexpr std::string_view instead = "...";
  for (auto at = message.find(secret); at != message.npos;
       at = message.find(secret, at + instead.size())) {
    message.replace(at, secret.size(), instead);
  }
}

// What libpq says of a server's certificate.
bool is_distrust(std::string_view reason) {
  return reason.starts_with("SSL error: certificate verify failed") ||
         reason.starts_with("server certificate for ") ||
         reason.starts_with("could not get server's host name from server certificate");
}

}  // namespace

server_address::server_address(const std::string& url) {
  char* why = nullptr;
  const parsed_options options{PQconninfoParse(url.c_str(), &why)};
  if (why) PQfreemem(why);  // it quotes the URL
  if (!options.list) {
    throw configuration_error(
        "the URL of the PostgreSQL database is malformed; it is of the form "
        "postgresql://user:password@host:port/name?parameter=value, with %XX for what is no letter "
        "or digit");
  }
  for (const auto* o = options.list; o->keyword; ++o) {
    if (o->val) parts_.emplace_back(o->keyword, o->val);
  }
}

const std::string* server_address::find(std::string_view name) const {
  const auto found =
      std::find_if(parts_.begin(), parts_.end(), [&](const auto& p) { return p.first == name; });
  return found == parts_.end() ? nullptr : &found->second;
}

std::string server_address::without_secrets(std::string_view message) const {
  auto text = std::string(message.substr(0, message.find('\n')));
  for (const auto& [name, value] : parts_) {
    const bool may_be_a_word = name == "user" || name == "dbname";
    const bool is_place = name == "host" || name == "hostaddr";
    if (name == "password" || name == "sslpassword" || is_place) hide(text, value);
    else if (may_be_a_word) hide(text, '"' + value + '"');
  }
  return text;
}

open_connection server_address::connect(duration at_most) const {
  const auto seconds = std::to_string(std::max<std::int64_t>(at_most.in_seconds(), 2));
  std::vector<const char*> names, values;
  auto add = [&](const char* name, const char* value) {
    names.push_back(name);
    values.push_back(value);
  };
  auto add_default = [&](const char* name, const char* value) {
    if (!find(name)) add(name, value);
  };
  for (const auto& [name, value] : parts_) add(name.c_str(), value.c_str());
  add_default("connect_timeout", seconds.c_str());
  add_default("fallback_application_name", "aft");
  add_default("tcp_user_timeout", "30000");  // or a server that is cut off is waited for for ever
  add_default("keepalives_idle", "30");
  add("client_encoding", "UTF8");
  add(nullptr, nullptr);
  open_connection opened(PQconnectdbParams(names.data(), values.data(), 0));
  if (!opened) throw storage_error(storage_fault::other, "no memory for a connection");
  if (PQstatus(opened.get()) != CONNECTION_OK) {
    const std::string_view all = PQerrorMessage(opened.get());
    const auto at = all.find("failed: ");
    const auto reason = without_secrets(at == all.npos ? all : all.substr(at + 8));
    throw storage_error(
        storage_fault::unavailable,
        fmt::format("the PostgreSQL server {}: {}",
                    is_distrust(reason) ? "is not trusted" : "cannot be reached", reason));
  }
  if (PQserverVersion(opened.get()) < oldest_server) {
    throw configuration_error("the PostgreSQL server is older than version 12");
  }
  // It would be printed.
  PQsetNoticeReceiver(
      opened.get(), [](void*, const PGresult*) {}, nullptr);
  return opened;
}

}  // namespace aft::storage::postgres
