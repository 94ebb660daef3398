// JSONTestSuite: y_ must be accepted, n_ refused, i_ is free; nothing may crash.

#include <map>
#include <vector>

#include <aft/ground/json.hpp>

#include "vectors.hpp"

namespace {

// What is accepted must also be readable into a typed value that takes anything, and survive.
bool reads(const std::string& text) {
  auto raw = aft::json::read<aft::raw_json>(text);
  return raw && aft::json::valid(raw->text);
}

// Typed readers must refuse or accept, never crash, whatever they are given.
void try_types(const std::string& text) {
  struct record {
    std::string a;
    std::optional<double> b;
    std::vector<std::map<std::string, std::int8_t>> c;
  };
  (void)aft::json::read<record>(text);
  (void)aft::json::read<std::vector<double>>(text);
  (void)aft::json::read<std::map<std::string, std::string>>(text);
  (void)aft::json::read<std::vector<std::string>>(text);
}

}  // namespace

int main() {
  int failures = 0, accepted = 0, refused = 0, free_choice = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(vectors::folder("json/test_parsing"))) {
    const auto name = entry.path().filename().string();
    const auto text = vectors::read(entry.path());
    const bool valid = aft::json::valid(text);
    try_types(text);
    bool right = valid == reads(text);
    if (name.starts_with("y_")) right = right && valid, ++accepted;
    else if (name.starts_with("n_")) right = right && !valid, ++refused;
    else ++free_choice;
    if (right) continue;
    ++failures;
    std::cerr << "wrong: " << name << " is " << (valid ? "accepted" : "refused") << "\n";
  }
  std::cout << accepted << " to accept, " << refused << " to refuse, " << free_choice << " free, "
            << failures << " wrong\n";
  return failures || accepted < 90 || refused < 180 ? 1 : 0;
}
