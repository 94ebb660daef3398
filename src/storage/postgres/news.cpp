#include "news.hpp"

#include <poll.h>

#include <algorithm>

#include <aft/storage/errors.hpp>

#include "../../ground/quiet_thread.hpp"

namespace aft::storage::postgres {
namespace {

constexpr int first_pause = 100, longest_pause = 5'000;  // milliseconds between attempts

}  // namespace

news::news(const server_address& address, topics& all_topics, std::string own_name,
           const logger& log)
    : address_(address), topics_(all_topics), own_name_(std::move(own_name)), log_(log) {
  thread_ = detail::quiet_thread("aft news", [this] { work(); });
  std::unique_lock lock(mutex_);
  ready_now_.wait(lock, [this] { return ready_; });
}

news::~news() {
  ended_.ring();
  thread_.join();
}

void news::set_ready() {
  std::lock_guard lock(mutex_);
  ready_ = true;
  ready_now_.notify_all();
}

bool news::wait(int socket, int milliseconds) {
  pollfd both[] = {{ended_.descriptor(), POLLIN, 0}, {socket, POLLIN, 0}};
  ::poll(both, socket < 0 ? 1 : 2, milliseconds);
  return !both[0].revents;
}

void news::work() {
  int pause = first_pause;
  while (true) {
    try {
      listen();
      return;
    } catch (const std::exception& e) {
      if (has_missed_) pause = std::min(pause * 2, longest_pause);
      else log_.write(log_level::warning, "storage", e.what());
    }
    has_missed_ = true;
    set_ready();
    if (!wait(-1, pause)) return;
  }
}

void news::listen() {
  const auto db = address_.connect(seconds(10));
  const result listening(PQexec(db.get(), "listen aft"));
  if (PQresultStatus(listening.get()) != PGRES_COMMAND_OK) {
    throw storage_error(
        storage_fault::unavailable,
        "no news of other processes: " + address_.without_secrets(PQerrorMessage(db.get())));
  }
  if (std::exchange(has_missed_, false)) {
    log_.write(log_level::info, "storage", "the PostgreSQL server is there again");
    topics_.tell_all();
  }
  set_ready();
  while (wait(PQsocket(db.get()), -1)) {
    if (!PQconsumeInput(db.get())) {
      throw storage_error(storage_fault::unavailable,
                          "the connection to the PostgreSQL server was lost: " +
                              address_.without_secrets(PQerrorMessage(db.get())));
    }
    while (auto* n = PQnotifies(db.get())) {
      tell(n->extra);
      PQfreemem(n);
    }
  }
}

void news::tell(std::string_view payload) {
  const auto space = payload.find(' ');
  if (space == payload.npos || payload.substr(0, space) == own_name_) return;
  topics_.tell(payload.substr(space + 1));
}

}  // namespace aft::storage::postgres
