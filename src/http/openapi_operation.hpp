#pragma once
// One operation of the API document.

#include <map>
#include <string>
#include <string_view>

#include "document_writer.hpp"
#include "route_list.hpp"

namespace aft::http {

// "get_notes_by_id": stable as long as method and path are.
std::string operation_id(const route_entry& entry, std::string_view verb);

struct operation_context {
  document_writer& out;
  json::schema_writer& schemas;
  const problem_form& problems;
};

// Its value, an object.
void write_operation(const operation_context& to, const route_entry& entry, std::string_view verb);

// The refusals it documents: by the library from its signature, and what the route says itself.
std::map<int, std::string> problems_of(const route_entry& entry);

// What the entry's arguments and the route itself say of who may ask: the names of schemes.
std::vector<noted_security> securities_of(const route_entry& entry);

}  // namespace aft::http
