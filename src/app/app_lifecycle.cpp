// The beginning and the end of an app that listens, in any order and on any thread, and its move to
// another database, which ends it.

#include "app_impl.hpp"

#include <aft/ground/error.hpp>

#include "../ground/may_wait.hpp"
#include "../storage/database.hpp"
#include "../storage/move.hpp"

namespace aft {

// Without the mutex, because handlers that run may ask something of the app.
class app::impl::busy_while {
 public:
  busy_while(impl& whose, std::unique_lock<std::mutex>& held) : app_(whose), lock_(held) {
    app_.busy = true;
    lock_.unlock();
  }
  busy_while(const busy_while&) = delete;
  busy_while& operator=(const busy_while&) = delete;
  ~busy_while() {
    if (!lock_.owns_lock()) lock_.lock();
    app_.busy = false;
    app_.not_busy.notify_all();
    lock_.unlock();
  }

 private:
  impl& app_;
  std::unique_lock<std::mutex>& lock_;
};

endpoint app::impl::start(const listen_options& given, boost::asio::io_context* host) {
  prepare();
  std::unique_lock lock(mutex);
  draining = false;
  if (busy && on_own_lane()) throw configuration_error("the app is being started or stopped");
  not_busy.wait(lock, [this] { return !busy; });
  if (server) throw configuration_error("the app has been started already");
  const busy_while guard(*this, lock);
  if (runner) runner->start();
  if (drill) drill->start();
  try {
    const auto places = local_presence ? local_presence->with_both_loopbacks(given) : given;
    auto made = host ? std::make_unique<server::http_server>(*dispatch, log, places, *host)
                     : std::make_unique<server::http_server>(*dispatch, log, places);
    if (local_presence) tell_where(*made);
    lock.lock();
    server = std::move(made);
    drain = given.drain;
    if (std::exchange(must_stop, false)) {
      if (local_presence) local_presence->end();
      server->begin_stop();
    }
    return server->where();
  } catch (...) {
    if (runner) runner->stop();
    if (drill) drill->stop();
    throw;
  }
}

void app::impl::stop() {
  draining = true;
  std::unique_lock lock(mutex);
  if (told_to_stop) told_to_stop();
  if (server && local_presence) local_presence->end();
  if (on_own_lane()) {  // which is waited for below
    if (busy) must_stop = true;
    else if (server) server->begin_stop();
    return;
  }
  not_busy.wait(lock, [this] { return !busy; });
  if (!server) return;
  {
    const busy_while guard(*this, lock);
    server->stop(drain);
    if (local_presence) forget_run();
    if (runner) runner->stop();
    if (drill) drill->stop();
    lock.lock();
    auto ended = std::move(server);
    lock.unlock();
  }
  lock.lock();
  must_stop = false;
}

void app::impl::tell_where(server::http_server& made) {
  try {
    local_presence->begin(made.places(), *gate, time.now());
  } catch (...) {
    made.stop({});
    forget_run();
    throw;
  }
}

// The port is free for others, who must learn nothing that opens the next run.
void app::impl::forget_run() {
  local_presence->ended();
  gate->renew();
}

// Whether this thread runs a handler or a job of this app.
bool app::impl::on_own_lane() const {
  const auto* whose = detail::serving;
  return whose && (whose == dispatch.get() || whose == runner.get() ||
                   (storage && whose == &storage->inside()));
}

moved app::impl::move_to(const std::string& url, const move_options& how) {
  {
    std::lock_guard lock(mutex);
    if (on_own_lane()) {
      throw storage_error(storage_fault::misuse, "a handler or job of the app cannot move it");
    }
  }
  auto to_options = options.storage;
  to_options.archive = {};  // these two are of SQLite alone
  to_options.key = {};
  database to(url, to_options, log, time);
  migrate_all(to);
  if (how.stop_writes) return move(*storage, to, how);
  return move(*storage, to,
              {[this] { stop(); },
               [&how](const moved_table& t) {
                 if (how.copied) how.copied(t);
               }});
}

}  // namespace aft
