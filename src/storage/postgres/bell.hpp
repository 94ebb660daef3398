#pragma once
// Wakes a thread that polls for a server's answer, too.

namespace aft::storage::postgres {

// Rung by any thread, heard by one.
class bell {
 public:
  bell();  // throws storage_error
  bell(const bell&) = delete;
  bell& operator=(const bell&) = delete;
  ~bell();

  void ring() noexcept;
  void silence() noexcept;
  int descriptor() const { return descriptor_; }  // readable once it was rung, until silence()

 private:
  const int descriptor_;
};

}  // namespace aft::storage::postgres
