#pragma once
// An API for the programs and pages of one user on one machine, and for nobody else.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/time.hpp>

namespace aft {

// Where a local app is, as its discovery file says.
struct local_server {
  std::string url;    // "http://127.0.0.1:43210"
  std::string token;  // what every request needs: "Authorization: Bearer TOKEN"
  std::int64_t pid;
  time_point started_at;
};

// The program was started a second time.
class already_running : public error {
 public:
  already_running(const std::string& message, local_server first)
      : error(message), first_(std::move(first)) {}
  const local_server& first() const { return first_; }  // its url is empty until it listens

 private:
  local_server first_;
};

struct local_options {
  std::string name{};  // a slug: "notes"
  // For the files of this app alone, made where it is missing; it must belong to this user, and
  // others may not write to it. Empty: $XDG_RUNTIME_DIR/NAME, or ~/.local/state/NAME without that.
  std::string directory{};
};

// Makes an app local: it listens at any free loopback port, and writes where and with which token
// it can be reached to a file that this user alone can read. Every request needs the token, which
// is made anew for each run; else it is answered with 401, before it is looked at any further.
// What access_options forbid stays forbidden with it. While the object lives, no other of the name
// can be made, in this process or another.
class local {
 public:
  // Before the app is started or prepared, which must outlive it. Throws already_running, before
  // anything of the app is touched, and configuration_error.
  local(app& whose, local_options options);
  local(const local&) = delete;
  local& operator=(const local&) = delete;
  ~local();  // stops the app

  // As those of the app, which start and stop it as well: whichever way it begins to listen, it
  // does so at loopback addresses and Unix sockets alone, and the file is there until its stop.
  // Of 127.0.0.1 and ::1 it has both, so that nobody else answers for it at the other one.
  endpoint start(listen_options options = {.port = 0});
  void run(listen_options options = {.port = 0});

  std::string token() const;  // of this run, or of the next after a stop. Any thread

  // Opens a path of the app in a browser: once, within a minute. The page's own requests then have
  // a cookie instead of the token. Cookies know no ports, so at 127.0.0.1 other servers would get
  // it too; the link has a name under .localhost that nobody else can know. Any thread, once it
  // listens at 127.0.0.1 and ::1, which that name leads to; before, throws aft::error.
  std::string page_url(std::string_view path = "/");

  // The same as a file that this user alone can read, to be opened in a browser: other users see
  // what stands on a command line, such as a link. It is there until the next or the stop, in the
  // directory as that was given. Any thread; throws aft::error, where it cannot be written too.
  std::string page_file(std::string_view path = "/");

  // The running app of this name; none where the file is missing, left by a run that is over, or
  // not this user's secret. Throws configuration_error for what is no name. Any thread.
  static std::optional<local_server> find(std::string_view name, std::string_view directory = {});

 private:
  class impl;
  impl* impl_;
};

}  // namespace aft
