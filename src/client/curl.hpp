#pragma once
// What the room needs of libcurl, with owners.

#include <curl/curl.h>

#include <csignal>
#include <ctime>
#include <exception>
#include <memory>
#include <string>

#include <aft/ground/error.hpp>
#include <aft/ground/function.hpp>

namespace aft::client {

struct easy_closer {
  void operator()(CURL* p) const { curl_easy_cleanup(p); }
};
struct multi_closer {
  void operator()(CURLM* p) const { curl_multi_cleanup(p); }
};
struct url_closer {
  void operator()(CURLU* p) const { curl_url_cleanup(p); }
};
struct list_closer {
  void operator()(curl_slist* p) const { curl_slist_free_all(p); }
};
using url_handle = std::unique_ptr<CURLU, url_closer>;

// Lines for libcurl.
class string_list {
 public:
  void add(const std::string& line) {
    auto* longer = curl_slist_append(list_.get(), line.c_str());
    if (!longer) throw std::bad_alloc();
    if (longer != list_.get()) {
      static_cast<void>(list_.release());
      list_.reset(longer);
    }
  }
  curl_slist* get() const { return list_.get(); }

 private:
  std::unique_ptr<curl_slist, list_closer> list_{};
};

// OpenSSL writes to sockets that may be gone; the signal that the kernel has for that is kept from
// this thread meanwhile.
class without_sigpipe {
 public:
  without_sigpipe() {
    sigset_t waiting;
    sigpending(&waiting);
    was_waiting_ = sigismember(&waiting, SIGPIPE) == 1;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  without_sigpipe(const without_sigpipe&) = delete;
  without_sigpipe& operator=(const without_sigpipe&) = delete;
  ~without_sigpipe() {
    const timespec at_once{};
    if (!was_waiting_) sigtimedwait(&pipe_, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{}, before_{};
  bool was_waiting_ = false;
};

// One transfer at a time, and the connections that earlier ones have left. One thread at a time.
class curl_handle {
 public:
  curl_handle() : multi_(curl_multi_init()), easy_(curl_easy_init()) {
    if (!multi_ || !easy_) throw error("libcurl has no memory for a transfer");
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, 2L);
  }

  CURL* easy() const { return easy_.get(); }

  template <class T>
  void set(CURLoption option, T value) {
    if (const auto code = curl_easy_setopt(easy_.get(), option, value); code != CURLE_OK) {
      throw error("libcurl refuses an option (" + std::to_string(int(option)) +
                  "): " + curl_easy_strerror(code));
    }
  }
  void set(CURLoption option, const std::string& value) { set(option, value.c_str()); }

  template <class T>
  T info(CURLINFO what) const {
    T value{};
    curl_easy_getinfo(easy_.get(), what, &value);
    return value;
  }

  // Runs what was set until it ends, or until `cancelled` says so: CURLE_ABORTED_BY_CALLBACK. What
  // that throws goes on to the caller.
  CURLcode perform(const function<bool()>& cancelled);

 private:
  std::unique_ptr<CURLM, multi_closer> multi_;
  std::unique_ptr<CURL, easy_closer> easy_;
};

// Before anything else of libcurl; any thread. Throws error.
void start_curl();

}  // namespace aft::client
