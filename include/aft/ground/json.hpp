#pragma once
// JSON in and out of C++ types, and their JSON Schema.
//
// Reading is strict (RFC 8259): UTF-8 is checked, duplicate keys, trailing commas, leading zeros
// and text after the value are refused, and every mistake of a document is reported at once, with
// its JSON Pointer (RFC 6901). A field that is not std::optional must be there. 1.0 is no integer.
// Writing gives an empty optional as null (an empty std::optional<std::optional<T>> is left out, so
// that "absent" and "null" can be told apart), times as RFC 3339, doubles in their shortest form
// that reads back the same; a double that is not finite has no JSON and becomes null.

#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/buffer.hpp>
#include <aft/ground/result.hpp>
#include <aft/ground/type.hpp>

namespace aft {

// One mistake in what a client sent.
struct field_error {
  std::string in;       // "body", "path", "query", "header", "cookie"; empty where it is plain
  std::string pointer;  // JSON Pointer into it: "/tags/1"; "" is the whole
  std::string code;     // stable, for programs: syntax, type, missing, unknown, duplicate, range,
                        // length, format, pattern, enum, check, value, encoding
  std::string detail;   // one sentence, for people
};

using field_errors = std::vector<field_error>;

namespace json {

struct read_options {
  unsigned max_depth = 64;      // of nested arrays and objects
  unsigned max_errors = 32;     // reported; the rest is dropped
  bool ignore_unknown = false;  // members that the struct does not have, at any depth
};

// Appends the value. One pass, no other allocation than the buffer's.
void write(buffer& out, const void* value, const type_info& type);

// Appends `text` as a JSON string, quoted and escaped.
void write_string(buffer& out, std::string_view text);

// Reads a document into an existing value; false, with errors appended, if it does not fit. A
// document that is not JSON gives one error, code "syntax", with its byte offset. What was read up
// to an error stays in the value: do not use it.
bool read(std::string_view text, void* value, const type_info& type, field_errors& errors,
          read_options options = {});

// Whether the text is one JSON document.
bool valid(std::string_view text, read_options options = {});

template <class T>
std::string write(const T& value) {
  buffer out;
  write(out, &value, type_of<T>());
  return std::string(out.view());
}

template <class T>
result<T, field_errors> read(std::string_view text, read_options options = {}) {
  T value{};
  field_errors errors;
  if (!read(text, &value, type_of<T>(), errors, options)) return errors;
  return value;
}

// JSON Schema 2020-12, as OpenAPI 3.1 uses it. Structs are written once, under $defs.
std::string schema(const type_info& type);

template <class T>
std::string schema() {
  return schema(type_of<T>());
}

// Appends a value that fits the type: the examples that its rules give, and where they give none,
// what its constraints allow. `rule` as in schema_writer::write.
void write_example(buffer& out, const type_info& type, const constraints* rule = nullptr);

template <class T>
std::string example() {
  buffer out;
  write_example(out, type_of<T>());
  return std::string(out.view());
}

// A JSON Schema that names structs by reference ("#/components/schemas/note") and remembers which,
// for a document that lists them elsewhere. Two structs of one name are told apart by namespace.
class schema_writer {
 public:
  explicit schema_writer(std::string_view prefix) : prefix_(prefix) {}  // a literal

  // Appends the schema of the type, with a rule beyond the type's own where `rule` is not null.
  void write(buffer& out, const type_info& type, const constraints* rule = nullptr);

  // Appends the members of an object: each struct referred to, and those that they refer to.
  void write_definitions(buffer& out);

 private:
  std::string_view name_of(const type_info& type);

  std::string_view prefix_;
  struct named {
    const type_info* type;
    std::string name;
  };
  std::vector<named> definitions_;
};

}  // namespace json
}  // namespace aft
