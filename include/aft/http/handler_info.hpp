#pragma once
// The table of a handler: what it takes and returns. It is constant; the router works by it, and
// the API document is written from it.

#include <cstdint>
#include <string_view>

#include <aft/ground/resource.hpp>
#include <aft/ground/type.hpp>
#include <aft/http/arguments.hpp>
#include <aft/http/policy.hpp>

namespace aft::http {

class call;  // one request in flight

enum class argument_kind : std::uint8_t {
  path,
  query,
  body,
  body_into,
  header,
  cookie,
  request,
  resource,
  made
};

struct argument_info {
  argument_kind kind;
  const type_info& (*type)();  // null for request, resource, made
  std::string_view name;       // of path<>, header<>, cookie<>; the type's, of a resource
  resource_key key;            // of a resource
  const argument_info* needs;  // of a made one: what its from_request takes
  std::uint32_t need_count;
  // For the document.
  const void* (*defaults)() = nullptr;   // of a query: its struct, default-constructed
  const security* securities = nullptr;  // of a made one, as are the next
  const answer_note* answers = nullptr;
  std::uint32_t security_count = 0, answer_count = 0;

  // Of a made one that says who may ask; null: it does not.
  const argument_policy* policy = nullptr;
};

enum class content : std::uint8_t { none, json, text, custom };

struct result_info {
  content kind;
  const type_info& (*type)();
  int status;
  bool may_be_missing;       // 404
  bool is_later = false;     // the handler is a coroutine, see aft/asio.hpp
  std::string_view media{};  // of a custom one, where it is known
  bool has_etag = false;     // see aft::versioned
};

struct handler_info {
  const argument_info* arguments;
  std::uint32_t argument_count;
  result_info result;
  std::uint32_t pack_size, pack_alignment;  // of the arguments, made
  void (*extract)(call&, void* pack);       // makes them; if it throws there are none
  void (*invoke)(const void* callable, call&, void* pack);
  void (*discard)(void* pack);
  bool is_planned = false;  // see aft::planned
};

}  // namespace aft::http
