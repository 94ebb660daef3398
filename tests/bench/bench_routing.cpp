// What finding a route costs, for as many templates as GitHub's API has and for a thousand: the
// nanoseconds to match a path, and those to split it before; medians. Prints one JSON object.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "http/path.hpp"
#include "http/route_tree.hpp"

#include "arguments.hpp"
#include "samples.hpp"

namespace bench {
namespace {

using clock = std::chrono::steady_clock;

// Templates as APIs have them: some words, then two levels of things with names, and what can be
// done with them.
std::vector<std::string> make_templates(std::size_t count) {
  const std::vector<std::string> shapes = {"/@",
                                           "/@/{id}",
                                           "/@/{id}/comments",
                                           "/@/{id}/comments/{comment}",
                                           "/@/search",
                                           "/@/{id}/settings",
                                           "/user/@",
                                           "/user/@/{id}",
                                           "/repos/{owner}/{repo}/@",
                                           "/repos/{owner}/{repo}/@/{number}",
                                           "/orgs/{org}/@",
                                           "/orgs/{org}/@/{id}/members"};
  const std::vector<std::string> words = {"issues",   "pulls",   "labels",   "events",   "keys",
                                          "hooks",    "teams",   "gists",    "notes",    "tags",
                                          "branches", "merges",  "assets",   "releases", "forks",
                                          "emails",   "starred", "statuses", "commits"};
  std::vector<std::string> all;
  for (std::size_t i = 0; all.size() < count; ++i) {
    auto word = words[i / shapes.size() % words.size()];
    if (i >= shapes.size() * words.size()) word += std::to_string(i / shapes.size() / words.size());
    auto shape = shapes[i % shapes.size()];
    all.push_back(shape.replace(shape.find('@'), 1, word));
  }
  return all;
}

std::string example_of(const std::string& pattern, std::size_t number) {
  std::string path;
  for (std::size_t at = 0; at < pattern.size();) {
    if (pattern[at] != '{') {
      path += pattern[at++];
      continue;
    }
    path += "name" + std::to_string(number * 7919 % 100'000);
    at = pattern.find('}', at) + 1;
  }
  return path;
}

struct cost {
  double split, match;  // nanoseconds
};

cost measure(std::size_t count) {
  const auto templates = make_templates(count);
  aft::http::route_tree tree;
  for (std::size_t i = 0; i < count; ++i) {
    if (tree.add(aft::method::get, templates[i], std::int32_t(i)) != aft::http::route_tree::none) {
      arguments::refuse({"two templates are the same: ", templates[i]});
    }
  }
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < count; ++i) {
    paths.push_back(example_of(templates[i], i));
    paths.back().reserve(paths.back().size() + 16);  // which splitting may read
  }

  std::vector<std::size_t> order(200'000);
  std::uint64_t random = 1;
  for (auto& i : order) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    i = std::size_t(random >> 33) % count;
  }
  aft::http::path_segments split;
  aft::buffer room;
  aft::http::route_tree::match found;
  std::vector<double> to_split, to_find;
  for (int round = 0; round < 15; ++round) {
    std::uint64_t right = 0;
    const auto began = clock::now();
    for (auto i : order) {
      aft::http::split_path(paths[i], room, split);
      right += split.count > 0;
    }
    const auto between = clock::now();
    for (auto i : order) {
      aft::http::split_path(paths[i], room, split);
      tree.find(aft::method::get, split, found);
      right += found.route == std::int32_t(i);
    }
    const auto end = clock::now();
    if (right != 2 * order.size()) arguments::refuse({"a wrong route was found"});
    const auto each = [&](clock::duration d) {
      return std::chrono::duration<double, std::nano>(d).count() / double(order.size());
    };
    to_split.push_back(each(between - began));
    to_find.push_back(each(end - between) - to_split.back());
  }
  return {median(to_split), median(to_find)};
}

}  // namespace
}  // namespace bench

int main() {
  const auto few = bench::measure(203), many = bench::measure(1000);
  std::printf(
      "{\"match_203_ns\": %.1f, \"split_203_ns\": %.1f, "
      "\"match_1000_ns\": %.1f, \"split_1000_ns\": %.1f}\n",
      few.match, few.split, many.match, many.split);
}
