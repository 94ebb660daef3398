#pragma once
// Texts with places for values: of mail, say.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/type.hpp>

namespace aft {

enum class escaping : std::uint8_t {
  none,
  html,  // & < > " ' of values; right for text and for attributes in quotes, not for what is in
         // <script> or a URL's scheme
};

namespace detail {

class compiled_template {
 public:
  // Throws configuration_error, with the line, for places that are not closed, or name no field of
  // the type.
  compiled_template(std::string_view text, escaping how, const type_info& type);
  std::string render(const void* value, const type_info& type) const;

 private:
  enum class step_kind : std::uint8_t { text, value, raw_value, section, inverted };
  struct step {
    step_kind kind;
    std::string text;  // itself; of others the path, as "user.name" or "."
    std::size_t end;   // of a section: the step after its last
  };
  struct source;
  void compile(source& from, const type_info& type, std::string_view inside);
  void render(std::string& out, std::size_t begin, std::size_t end, const void* value,
              const type_info& type) const;

  std::vector<step> steps_;
  escaping how_;
};

}  // namespace detail

// {{name}} is the field of T, {{user.name}} one within it, escaped as asked for; {{{name}}} is not
// escaped. {{#x}}...{{/x}} is written for each item of a list, whose fields are meant within
// ("{{.}}" is the item itself), or where an optional has a value (which is meant then) or a bool is
// true; {{^x}}...{{/x}} where there is no item, no value, or it is false. An optional without a
// value is written as nothing, a time as RFC 3339. Const from any thread.
//   const aft::text_template<order> thanks("Dear {{name}},\n{{#items}}- {{title}}\n{{/items}}");
template <class T>
class text_template {
 public:
  // Throws configuration_error for a text that is wrong, or names what T does not have.
  explicit text_template(std::string_view text, escaping how = escaping::none)
      : compiled_(text, how, type_of<T>()) {}

  std::string render(const T& value) const { return compiled_.render(&value, type_of<T>()); }

 private:
  detail::compiled_template compiled_;
};

}  // namespace aft
