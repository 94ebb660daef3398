#include "kept_texts.hpp"

#include <iterator>

#include "connection.hpp"

namespace aft::storage {

std::string_view kept_texts::keep(std::string_view text, connection& of) {
  if (const auto known = places_.find(text); known != places_.end()) {
    texts_.splice(texts_.begin(), texts_, known->second);
    return texts_.front();
  }
  // Those that are being run stay beyond the limit, which is no more than queries lie in queries.
  for (auto last = texts_.end(); texts_.size() >= limit && last != texts_.begin();) {
    --last;
    if (!of.forget(*last)) continue;
    places_.erase(*last);
    last = texts_.erase(last);
  }
  texts_.emplace_front(text);
  places_.emplace(texts_.front(), texts_.begin());
  return texts_.front();
}

}  // namespace aft::storage
