#pragma once
// Who lives on a host's io_context, and must know when that is destroyed.

#include <algorithm>
#include <mutex>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace aft::server {

class context_guest {
 public:
  virtual void context_is_gone() = 0;  // on the thread that destroys it

 protected:
  ~context_guest() = default;
};

class context_guests final : public boost::asio::io_context::service {
 public:
  static inline boost::asio::io_context::id id;

  explicit context_guests(boost::asio::io_context& io) : service(io) {}
  static context_guests& of(boost::asio::io_context& io) {
    return boost::asio::use_service<context_guests>(io);
  }

  void add(context_guest& g) {
    std::lock_guard lock(mutex_);
    all_.push_back(&g);
  }
  void remove(context_guest& g) {
    std::lock_guard lock(mutex_);
    std::erase(all_, &g);
  }

 private:
  void shutdown() override {
    std::vector<context_guest*> all;
    {
      std::lock_guard lock(mutex_);
      all.swap(all_);
    }
    for (auto* g : all) g->context_is_gone();
  }

  std::mutex mutex_;
  std::vector<context_guest*> all_{};  // guarded by mutex_
};

}  // namespace aft::server
