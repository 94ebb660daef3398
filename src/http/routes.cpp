#include <aft/http/routes.hpp>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "route_list.hpp"

namespace aft {

std::string http::route_entry::label() const {
  return fmt::format("{} {} ({}:{})", method == method::other ? "ANY" : to_string(method), pattern,
                     place.file, place.line);
}

route& route::summary(std::string_view text) { return entry_->summary = text, *this; }
route& route::description(std::string_view text) { return entry_->description = text, *this; }
route& route::tag(std::string_view name) { return entry_->tag = name, *this; }
route& route::answers(int status, std::string_view when) {
  return add_answer(status, when, nullptr);
}
route& route::add_answer(int status, std::string_view when, const type_info& (*type)()) {
  entry_->answers.push_back({status, std::string(when), type});
  return *this;
}
route& route::content_type(std::string_view media) { return entry_->content_type = media, *this; }
route& route::parameter(std::string_view name, std::string_view description,
                        std::string_view example) {
  entry_->parameters.push_back({std::string(name), std::string(description), std::string(example)});
  return *this;
}
route& route::operation_id(std::string_view name) { return entry_->operation_id = name, *this; }
route& route::security(const aft::security& one) {
  entry_->securities.push_back({std::string(one.scheme), one.required});
  return *this;
}
route& route::etag() { return entry_->has_etag = true, *this; }
route& route::max_body(std::size_t bytes) { return entry_->max_body = bytes, *this; }
route& route::compress(bool yes) { return entry_->compress = yes, *this; }
route& route::deadline(duration d) { return entry_->deadline = d, *this; }
route& route::hidden() { return entry_->hidden = true, *this; }
route& route::idempotent(idempotency_options options) {
  entry_->idempotent = options;
  answers(400, "There is no Idempotency-Key, or it is malformed.");
  answers(409, "A request with this Idempotency-Key is being answered.");
  return answers(422, "This Idempotency-Key was used for another request.");
}

namespace {

void add_roles(route_policy& p, std::initializer_list<std::string_view> one_of) {
  if (one_of.size() == 0) throw configuration_error("require_role needs a role");
  p.who = admission::signed_in;
  p.roles.emplace_back(one_of.begin(), one_of.end());
}
void add_permission(route_policy& p, std::string_view permission) {
  p.who = admission::signed_in;
  p.permissions.emplace_back(permission);
}

}  // namespace

route& route::allow_anyone() { return entry_->policy = {admission::anyone}, *this; }
route& route::require_user() { return entry_->policy = {admission::signed_in}, *this; }
route& route::require_role(std::initializer_list<std::string_view> one_of) {
  return add_roles(entry_->policy, one_of), *this;
}
route& route::require_permission(std::string_view permission) {
  return add_permission(entry_->policy, permission), *this;
}
route& route::require_fresh() {
  entry_->policy.who = admission::signed_in;
  return entry_->policy.fresh = true, *this;
}

namespace {

template <class Limit>
http::limiter* add_limiter(std::vector<std::shared_ptr<http::limiter>>& owner, Limit&& how) {
  owner.push_back(std::make_shared<http::limiter>(std::move(how)));
  return owner.back().get();
}

}  // namespace

route& route::limit(rate_limit how) {
  entry_->limits.push_back(add_limiter(entry_->own_limits, std::move(how)));
  return *this;
}
route& route::limit_at_once(concurrency_limit how) {
  entry_->limits.push_back(add_limiter(entry_->own_limits, std::move(how)));
  return *this;
}
routes routes::limit(rate_limit how) const {
  auto made = *this;
  made.limits_.push_back(add_limiter(list_->limits, std::move(how)));
  return made;
}
routes routes::limit_at_once(concurrency_limit how) const {
  auto made = *this;
  made.limits_.push_back(add_limiter(list_->limits, std::move(how)));
  return made;
}

routes routes::allow_anyone() const {
  auto made = *this;
  made.policy_ = {admission::anyone};
  return made;
}
routes routes::require_user() const {
  auto made = *this;
  made.policy_ = {admission::signed_in};
  return made;
}
routes routes::require_role(std::initializer_list<std::string_view> one_of) const {
  auto made = *this;
  add_roles(made.policy_, one_of);
  return made;
}
routes routes::require_permission(std::string_view permission) const {
  auto made = *this;
  add_permission(made.policy_, permission);
  return made;
}
routes routes::require_fresh() const {
  auto made = *this;
  made.policy_.who = admission::signed_in;
  made.policy_.fresh = true;
  return made;
}

route routes::add(method m, std::string_view pattern, source_place place, http::handler&& handler) {
  const bool sound = prefix_.empty() || (prefix_.front() == '/' && prefix_.back() != '/' &&
                                         prefix_.find_first_of("{}?#% ") == prefix_.npos &&
                                         prefix_.find("//") == prefix_.npos);
  if (!sound) {
    throw configuration_error(fmt::format(
        "the prefix \"{}\" of a group must look like \"/api\": a slash first, none last, no "
        "placeholders",
        prefix_));
  }
  if (list_->closed) {
    throw configuration_error(fmt::format(
        "{} {} is registered after the start; register all routes before", to_string(m), pattern));
  }
  auto path = prefix_ + std::string(pattern == "/" && !prefix_.empty() ? "" : pattern);
  std::vector<std::string> names;
  for (std::size_t open = 0; (open = pattern.find('{', open)) != pattern.npos; ++open) {
    auto name = pattern.substr(open + 1, pattern.find('}', open) - open - 1);
    if (name.ends_with("...")) name.remove_suffix(3);
    names.emplace_back(name);
  }
  auto& entry = list_->entries.emplace_back(new http::route_entry{
      m, std::move(path), place, std::move(handler), std::move(names), {}, {}, tag_});
  entry->policy = policy_;
  entry->limits = limits_;
  return route(*entry);
}

}  // namespace aft
