#include "route_tree.hpp"

#include "scan.hpp"

namespace aft::http {

namespace {

// Segments are short: cheaper than a call of memcmp.
bool same_text(const char* a, const char* b, std::size_t n) {
  if (n >= 8) {
    for (; n > 8; a += 8, b += 8, n -= 8) {
      if (load<std::uint64_t>(a) != load<std::uint64_t>(b)) return false;
    }
    return load<std::uint64_t>(a + n - 8) == load<std::uint64_t>(b + n - 8);
  }
  if (n >= 4) {
    return load<std::uint32_t>(a) == load<std::uint32_t>(b) &&
           load<std::uint32_t>(a + n - 4) == load<std::uint32_t>(b + n - 4);
  }
  return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

}  // namespace

route_tree::route_tree() : nodes_(1), edges_(64) {}

std::uint64_t route_tree::hash(std::uint32_t from, std::string_view text) {
  const char* s = text.data();
  std::size_t n = text.size();
  std::uint64_t h = (std::uint64_t(from) + 1) * 0x9E3779B97F4A7C15u ^ n;
  const auto mix = [&h](std::uint64_t word) {
    h = (h ^ word) * 0xD6E8FEB86659FD93u;
    h ^= h >> 32;
  };
  if (n >= 8) {
    for (; n > 8; s += 8, n -= 8) mix(load<std::uint64_t>(s));
    mix(load<std::uint64_t>(s + n - 8));  // the last eight, some of them again
  } else if (n >= 4) {
    mix(load<std::uint32_t>(s) | std::uint64_t(load<std::uint32_t>(s + n - 4)) << 32);
  } else if (n) {
    const auto letter = [s](std::size_t i) { return std::uint64_t(std::uint8_t(s[i])); };
    mix(letter(0) | letter(n / 2) << 8 | letter(n - 1) << 16);
  }
  return h | 1;
}

void route_tree::place(const edge& e) {
  std::size_t i = e.hash >> 1 & (edges_.size() - 1);
  while (edges_[i].hash) i = (i + 1) & (edges_.size() - 1);
  edges_[i] = e;
}

std::uint32_t route_tree::literal(std::uint32_t from, std::string_view text) const {
  const auto h = hash(from, text);
  for (std::size_t i = h >> 1 & (edges_.size() - 1); edges_[i].hash;
       i = (i + 1) & (edges_.size() - 1)) {
    const auto& e = edges_[i];
    if (e.hash == h && e.from == from && e.text_size == text.size() &&
        same_text(text_.data() + e.text_begin, text.data(), text.size())) {
      return e.to;
    }
  }
  return 0;
}

std::uint32_t route_tree::add_node() {
  nodes_.emplace_back();
  return std::uint32_t(nodes_.size() - 1);
}

void route_tree::add_edge(std::uint32_t from, std::string_view text, std::uint32_t to) {
  if (++edge_count_ * 2 > edges_.size()) {
    std::vector<edge> old(edges_.size() * 2);
    old.swap(edges_);
    for (const auto& e : old) {
      if (e.hash) place(e);
    }
  }
  place({hash(from, text), from, to, std::uint32_t(text_.size()), std::uint32_t(text.size())});
  text_ += text;
}

std::uint32_t route_tree::add_literal(std::uint32_t from, std::string_view text) {
  if (auto known = literal(from, text)) return known;
  const auto to = add_node();
  add_edge(from, text, to);
  nodes_[from].has_literals = true;
  return to;
}

std::int32_t route_tree::add(method m, std::string_view pattern, std::int32_t route) {
  std::uint32_t at = 0;
  std::size_t begin = 1;
  while (true) {
    const auto end = std::min(pattern.find('/', begin), pattern.size());
    const auto segment = pattern.substr(begin, end - begin);
    if (segment.starts_with('{')) {
      const bool rest = segment.ends_with("...}");
      auto child = rest ? nodes_[at].rest : nodes_[at].named;
      if (!child) {
        child = add_node();
        (rest ? nodes_[at].rest : nodes_[at].named) = child;
      }
      at = child;
    } else {
      at = add_literal(at, segment);
    }
    if (end == pattern.size()) break;
    begin = end + 1;
  }
  if (pattern.find('{') == pattern.npos && !literal(whole_path, pattern)) {
    add_edge(whole_path, pattern, at);
    literal_sizes_ |= std::uint64_t(1) << pattern.size() % 64;
  }
  auto& place = nodes_[at].routes[std::size_t(m)];
  if (place != none) return place;
  place = route;
  nodes_[at].has_routes = true;
  return none;
}

bool route_tree::take(std::uint32_t at, method m, match& found) const {
  const node& n = nodes_[at];
  if (!n.has_routes) return false;
  auto route = n.routes[std::size_t(m)];
  if (route == none && m == method::head) route = n.routes[std::size_t(method::get)];
  if (route == none) route = n.routes[std::size_t(method::other)];
  if (route != none) {
    found.route = route;
    return true;
  }
  for (std::size_t i = 0; i < method_count; ++i) {
    if (n.routes[i] != none) found.allowed |= 1u << i;
  }
  return false;
}

bool route_tree::walk(std::uint32_t at, unsigned segment, method m, const path_segments& path,
                      match& found) const {
  while (true) {
    const node& n = nodes_[at];
    const auto& text = path.text[segment];
    const bool last = segment + 1 == path.count;
    const auto child = n.has_literals ? literal(at, text) : 0;
    if (!n.named && !n.rest) {  // the common case: one way on
      if (!child) return false;
      if (last) return take(child, m, found);
      at = child;
      ++segment;
      continue;
    }
    const unsigned mark = found.value_count;
    if (child && (last ? take(child, m, found) : walk(child, segment + 1, m, path, found))) {
      return true;
    }
    if (n.named && !text.empty()) {
      found.value_count = mark;
      found.value_at[found.value_count++] = std::uint8_t(segment);
      if (last ? take(n.named, m, found) : walk(n.named, segment + 1, m, path, found)) return true;
    }
    if (n.rest) {
      found.value_count = mark;
      found.value_at[found.value_count++] = std::uint8_t(segment);
      bool has_empty = false;
      for (unsigned i = segment; i + 1 < path.count; ++i) has_empty |= path.text[i].empty();
      if (!has_empty && take(n.rest, m, found)) return found.has_rest = true;
    }
    return false;
  }
}

bool route_tree::find_literal(method m, std::string_view path, match& found) const {
  if (!(literal_sizes_ >> path.size() % 64 & 1)) return false;
  const auto at = literal(whole_path, path);
  if (!at || !take(at, m, found)) return false;
  found.value_count = 0;
  found.has_rest = false;
  return true;
}

void route_tree::find(method m, const path_segments& path, match& found) const {
  found.route = none;
  found.allowed = 0;
  found.value_count = 0;
  found.has_rest = false;
  walk(0, 0, m, path, found);
}

}  // namespace aft::http
