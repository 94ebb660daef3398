// JSON from strangers: never a crash, and what is accepted survives being written and read again.

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <aft/ground/json.hpp>
#include <aft/ground/text.hpp>
#include <aft/ground/time.hpp>

namespace {

enum class colour { red, green };
struct inner {
  std::optional<std::optional<std::string>> a;
  std::vector<std::int8_t> b;
};
struct record {
  std::optional<std::int64_t> i;
  std::optional<std::uint8_t> u;
  std::optional<double> d;
  std::optional<float> f;
  std::optional<aft::text<1, 5>> t;
  std::optional<aft::email> e;
  std::optional<colour> c;
  std::optional<aft::time_point> at;
  std::optional<std::vector<std::byte>> bytes;
  std::optional<std::map<std::string, inner>> map;
  std::optional<std::vector<record>> more;
  std::optional<aft::raw_json> raw;
  std::optional<bool> yes;
};

void check(bool holds) {
  if (!holds) std::abort();
}

template <class T>
void try_type(std::string_view text) {
  auto read = aft::json::read<T>(text);
  if (!read) {
    check(!read.reason().empty());
    check(aft::json::valid(aft::json::write(read.reason())));
    return;
  }
  check(aft::json::valid(text));
  const auto written = aft::json::write(*read);
  auto again = aft::json::read<T>(written);
  check(bool(again));
  check(aft::json::write(*again) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_type<record>(text);
  try_type<aft::raw_json>(text);
  try_type<std::vector<std::string>>(text);
  try_type<double>(text);
  try_type<std::string>(text);
  return 0;
}
