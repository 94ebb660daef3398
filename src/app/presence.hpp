#pragma once
// What a local app does where it begins and ends to listen.

#include <mutex>
#include <string>
#include <vector>

#include <aft/ground/time.hpp>
#include <aft/server/options.hpp>

#include "../http/token_gate.hpp"
#include "discovery.hpp"

namespace aft {

// The app tells it of its beginnings and ends, one at a time.
class presence {
 public:
  explicit presence(discovery&& place) : place_(std::move(place)) {}
  presence(const presence&) = delete;
  presence& operator=(const presence&) = delete;

  // Where it listens then; throws configuration_error.
  listen_options with_both_loopbacks(listen_options options) const;
  void begin(const std::vector<endpoint>& places, const http::token_gate& gate, time_point now);
  void end() noexcept { place_.remove(); }
  void ended() noexcept;  // nobody listens any more

  // Makes a file that leads a browser to the address; its path, empty where there are no pages.
  std::string write_page(std::string_view url);

  // Where its pages are, empty where it listens at neither 127.0.0.1 nor ::1. Any thread.
  std::string page_origin() const;

 private:
  discovery place_;
  mutable std::mutex mutex_;
  std::string page_origin_{};  // guarded by mutex_, as is the file of a page
};

}  // namespace aft
