#pragma once
// Finds the route for a method and path: a trie over segments, with the literal edges of all nodes
// in one hash table.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <aft/http/message.hpp>

#include "path.hpp"

namespace aft::http {

constexpr std::size_t method_count = std::size_t(method::other) + 1;

class route_tree {
 public:
  static constexpr std::int32_t none = -1;
  static constexpr unsigned max_values = 16;

  struct match {
    std::int32_t route = none;
    std::uint32_t allowed = 0;  // where the path exists without this method: a bit for each method
    unsigned value_count = 0;
    std::array<std::uint8_t, max_values> value_at;  // the segment of each placeholder
    bool has_rest = false;                          // the last value is all segments from there
  };

  route_tree();

  // Filled on one thread; afterwards const from any. Returns the route that is there already for
  // this method and the same shape of path, else none.
  std::int32_t add(method, std::string_view pattern, std::int32_t route);

  // HEAD is answered by GET, and any method by a route for method::other, where it has none itself.
  void find(method, const path_segments&, match&) const;

  // The same for a path as it was sent, of which nothing is split or decoded: only routes without
  // placeholders are found, in one look. False: ask find().
  bool find_literal(method, std::string_view path, match&) const;

 private:
  struct node {
    std::uint32_t named = 0, rest = 0;  // children; 0: none
    bool has_literals = false, has_routes = false;
    std::array<std::int32_t, method_count> routes;
    node() { routes.fill(none); }
  };
  struct edge {
    std::uint64_t hash = 0;  // 0: a free place
    std::uint32_t from = 0, to = 0;
    std::uint32_t text_begin = 0, text_size = 0;
  };

  static constexpr std::uint32_t whole_path = ~0u;  // where the edge of one begins

  static std::uint64_t hash(std::uint32_t from, std::string_view text);
  std::uint32_t literal(std::uint32_t from, std::string_view text) const;
  std::uint32_t add_literal(std::uint32_t from, std::string_view text);
  void add_edge(std::uint32_t from, std::string_view text, std::uint32_t to);
  std::uint32_t add_node();
  void place(const edge&);
  bool take(std::uint32_t at, method, match&) const;
  bool walk(std::uint32_t at, unsigned segment, method, const path_segments&, match&) const;

  std::vector<node> nodes_;
  std::vector<edge> edges_;  // open addressing, at most half full
  std::size_t edge_count_ = 0;
  std::uint64_t literal_sizes_ = 0;  // of paths without placeholders: a bit for each size modulo 64
  std::string text_;
};

}  // namespace aft::http
