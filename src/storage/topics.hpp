#pragma once
// Who wants to hear of commits.

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/function.hpp>

namespace aft::storage {

// Any thread.
class topics {
 public:
  // `what` is what was said on the topic, perhaps nothing; null after a time in which something may
  // have been missed.
  using listening = function<void(const std::string_view* what)>;

  std::uint64_t listen(std::string_view topic, listening heard);
  void unlisten(std::uint64_t listener);
  // A note is a topic, and behind a line feed, if there is one, what is said on it.
  void tell(std::string_view note);
  void tell_all();

 private:
  struct listener {
    std::uint64_t number;
    std::string topic;
    listening heard;
  };
  std::mutex mutex_;
  std::vector<listener> listeners_;  // guarded by mutex_, as is the next
  std::uint64_t last_number_ = 0;
};

}  // namespace aft::storage
