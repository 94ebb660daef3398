#pragma once
// Keeps a number of transactions in flight, as an event loop does whose clients write.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

#include <aft/storage/database.hpp>

#include "ground/waker.hpp"
#include "storage/unit.hpp"

namespace bench {

// One thread submits a list of them, is woken once for all that one commit has ended, and submits
// as many again. One thread at a time.
class in_flight : private aft::waker {
 public:
  using work = std::function<void(aft::transaction&)>;  // on the writer

  in_flight(aft::database& db, std::size_t width, work each);
  ~in_flight();

  // Runs transactions for as long as `more` says so, which is asked before each. Returns how many
  // were committed. Throws what the first that failed has thrown.
  std::uint64_t run(const std::function<bool()>& more);

  // Of all runs: microseconds from submitting a transaction to being woken for it.
  std::vector<double>& latencies() { return latencies_; }

 private:
  class unit;
  void wake() noexcept override;
  void skip() noexcept override { wake(); }
  void submit(aft::storage::unit* first);

  aft::database& db_;
  work each_;
  std::vector<unit*> units_;
  std::vector<double> latencies_;

  std::mutex mutex_;
  std::condition_variable some_done_;
  std::vector<unit*> done_;  // guarded by mutex_, as is the next
  std::size_t owed_ = 0;     // wakes
  std::exception_ptr failure_;
};

}  // namespace bench
