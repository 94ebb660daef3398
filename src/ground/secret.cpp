#include <aft/ground/secret.hpp>

#include <algorithm>
#include <vector>

#include <aft/ground/random.hpp>

namespace aft {

void secret::wipe(std::string& text) noexcept {
  // All of its memory, as what was moved away may still lie there; and so that no compiler finds it
  // to be in vain.
  volatile char* at = text.data();
  for (std::size_t i = 0; i < text.capacity(); ++i) at[i] = 0;
  text.clear();
}

bool secret::equal(const secret& a, const secret& b) {
  return equal_in_constant_time(a.text_, b.text_);
}

namespace detail {
namespace {

bool finds_secret(const type_info& type, std::vector<const type_info*>& seen) {
  if (type.is_secret) return true;
  if (type.element && finds_secret(*type.element, seen)) return true;
  if (type.kind != type_kind::object) return false;
  if (std::find(seen.begin(), seen.end(), &type) != seen.end()) return false;
  seen.push_back(&type);
  return std::any_of(type.fields, type.fields + type.field_count,
                     [&seen](const field_info& f) { return finds_secret(*f.type, seen); });
}

}  // namespace

bool holds_secret(const type_info& type) {
  std::vector<const type_info*> seen;
  return finds_secret(type, seen);
}

}  // namespace detail
}  // namespace aft
