#pragma once
// Where a program says what it answers.

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <aft/http/files.hpp>
#include <aft/http/handler.hpp>
#include <aft/http/pattern.hpp>
#include <aft/http/policy.hpp>
#include <aft/http/rate_limit.hpp>

namespace aft {

namespace http {
class limiter;
class route_list;
struct route_entry;
}  // namespace http

// Routes that do their work once for each key of the client's; see route::idempotent().
struct idempotency_options {
  bool required = true;       // without a key: 400; false: it is done each time then
  duration keep = hours(24);  // the answer, for so long
  std::size_t max_answer_bytes = 64 * 1024;
};

// What registration returns: more about the route, for its document and its limits.
class route {
 public:
  route& summary(std::string_view text);              // one line
  route& description(std::string_view text);          // Markdown
  route& tag(std::string_view name);                  // groups it in the document
  route& answers(int status, std::string_view when);  // a problem that the handler may give
  template <class T>
  route& answers(int status, std::string_view when) {  // T as JSON, with that status
    return add_answer(status, when, &type_of<T>);
  }
  route& content_type(std::string_view media);  // of what the handler writes itself
  route& parameter(std::string_view name, std::string_view description,
                   std::string_view example = {});  // of the path, say
  route& operation_id(std::string_view name);       // instead of "get_notes_by_id"
  route& security(const aft::security& one);        // one of the ways to show who asks
  route& max_body(std::size_t bytes);               // instead of the server's limit
  route& deadline(duration d);                      // instead of lane_options::deadline
  route& hidden();                                  // not in the document

  // Its answers to GET have an ETag, from the bytes of their JSON; who names it in If-None-Match is
  // answered 304 without them (RFC 9110 section 13). The handler runs all the same.
  route& etag();

  // Who may use it. allow_anyone and require_user replace what its group says, the others come to
  // it; see aft/http/policy.hpp. What the arguments of
  // its handler ask comes to it.
  route& allow_anyone();
  route& require_user();  // anybody who is signed in
  route& require_role(std::string_view role) { return require_role({role}); }
  route& require_role(std::initializer_list<std::string_view> one_of);
  route& require_permission(std::string_view permission);
  route& require_fresh();  // and has shown the password a short while ago

  // How often it may be asked for, beside the limits of its group; see aft/http/rate_limit.hpp.
  route& limit(rate_limit how);
  route& limit_at_once(concurrency_limit how);

  // For a handler that takes a transaction&: its answer is stored with what it did, under the
  // Idempotency-Key of the request, and given again where the same request comes again. 400 for a
  // key that is missing or malformed, 409 while the first one is being answered, 422 for a key that
  // was used for another request. A key counts for one route, and for the credentials (cookies,
  // Authorization, X-Api-Key) that it came with. What throws is undone and not stored.
  route& idempotent(idempotency_options options = {});

  // Its answers may be compressed though the request has a Cookie or Authorization: they hold no
  // secret beside what a stranger may have put into the request, see aft/http/compression.hpp.
  // Event streams are compressed then, too. False: never, whatever the request has.
  route& compress(bool yes = true);

 private:
  friend class routes;
  route& add_answer(int status, std::string_view when, const type_info& (*type)());
  explicit route(http::route_entry& entry) : entry_(&entry) {}
  http::route_entry* entry_;
};

// Registers handlers. Filled on one thread, before the start; a duplicate or a shadowed route fails
// the start and names both. HEAD is answered by GET, OPTIONS and 405 with Allow by themselves.
class routes {
 public:
  template <class F>
  using pattern_for = std::type_identity_t<pattern<typename detail::callable_of<F>::type>>;

  template <class F>
  route get(pattern_for<F> p, F&& handler) {
    return add(method::get, p.text(), p.place(), detail::make_handler(static_cast<F&&>(handler)));
  }
  template <class F>
  route post(pattern_for<F> p, F&& handler) {
    return add(method::post, p.text(), p.place(), detail::make_handler(static_cast<F&&>(handler)));
  }
  template <class F>
  route put(pattern_for<F> p, F&& handler) {
    return add(method::put, p.text(), p.place(), detail::make_handler(static_cast<F&&>(handler)));
  }
  template <class F>
  route patch(pattern_for<F> p, F&& handler) {
    return add(method::patch, p.text(), p.place(), detail::make_handler(static_cast<F&&>(handler)));
  }
  template <class F>
  route del(pattern_for<F> p, F&& handler) {  // DELETE, which C++ keeps for itself
    return add(method::del, p.text(), p.place(), detail::make_handler(static_cast<F&&>(handler)));
  }
  // Every method that has no handler of its own there.
  template <class F>
  route any(pattern_for<F> p, F&& handler) {
    return add(method::other, p.text(), p.place(), detail::make_handler(static_cast<F&&>(handler)));
  }

  // Serves what lies in a directory under a prefix such as "/assets", or "/". Nothing is read from
  // beside the directory: no "..", and no link that leads out of it. Other routes go first.
  void files(std::string_view prefix, const std::string& directory,
             file_options options = {}) const;
  // The same for files in the program itself, which must outlive the app.
  void files(std::string_view prefix, std::span<const embedded_file> files,
             file_options options = {}) const;

  // Routes under a common prefix, such as "/api"; a literal without placeholders. The group refers
  // to these routes, which must outlive it.
  routes group(std::string_view prefix, std::string_view tag = {}) const {
    auto made = *this;
    made.prefix_ += prefix;
    if (!tag.empty()) made.tag_ = tag;
    return made;
  }

  // The same routes, with a policy for those that are registered through what is returned:
  //   auto admin = app.group("/admin").require_role("admin");
  [[nodiscard]] routes allow_anyone() const;
  [[nodiscard]] routes require_user() const;
  [[nodiscard]] routes require_role(std::string_view role) const { return require_role({role}); }
  [[nodiscard]] routes require_role(std::initializer_list<std::string_view> one_of) const;
  [[nodiscard]] routes require_permission(std::string_view permission) const;
  [[nodiscard]] routes require_fresh() const;

  // The same routes, with a limit that those share which are registered through what is returned.
  [[nodiscard]] routes limit(rate_limit how) const;
  [[nodiscard]] routes limit_at_once(concurrency_limit how) const;

 protected:
  explicit routes(http::route_list& list, std::string prefix = {}, std::string tag = {})
      : list_(&list), prefix_(std::move(prefix)), tag_(std::move(tag)) {}

 private:
  route add(method, std::string_view pattern, source_place, http::handler&&);

  http::route_list* list_;
  std::string prefix_, tag_;
  route_policy policy_{};
  std::vector<http::limiter*> limits_{};  // which the list owns
};

}  // namespace aft
