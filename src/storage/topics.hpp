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
  std::uint64_t listen(std::string_view topic, function<void()> heard);
  void unlisten(std::uint64_t listener);
  void tell(std::string_view topic);
  void tell_all();

 private:
  struct listener {
    std::uint64_t number;
    std::string topic;
    function<void()> heard;
  };
  std::mutex mutex_;
  std::vector<listener> listeners_;  // guarded by mutex_, as is the next
  std::uint64_t last_number_ = 0;
};

}  // namespace aft::storage
