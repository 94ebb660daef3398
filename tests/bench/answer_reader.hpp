#pragma once
// Tells answers in a stream of bytes apart, at the least cost.

#include <cstddef>
#include <string>
#include <string_view>

namespace bench {

// The heads of a server's answers are the same within a second, so each is compared with the one
// before, and read only where it differs. One thread at a time.
class answer_reader {
 public:
  enum class verdict { whole, partial, malformed };
  struct answer {
    verdict is = verdict::partial;
    std::size_t size = 0;  // with its body
    int status = 0;
    bool closes = false;  // the connection ends behind it
  };

  // The first answer of the bytes.
  answer read(std::string_view bytes);

 private:
  bool read_head(std::string_view head);

  std::string head_;  // the last one, with its empty line
  std::size_t body_size_ = 0;
  int status_ = 0;
  bool closes_ = false;
};

}  // namespace bench
