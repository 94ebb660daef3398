#pragma once
// A field of a program's settings, under all of its names.

#include <string>

#include <aft/ground/type.hpp>

namespace aft::detail {

struct setting_field {
  std::string name;      // "mail.password"
  std::string option;    // "--mail-password"
  std::string variable;  // "NOTES_MAIL_PASSWORD"
  const field_info* field;
  void* place;
  std::string from = "default";

  const type_info& bare_type() const {
    const auto* t = field->type;
    while (t->kind == type_kind::optional || t->kind == type_kind::codec) t = t->element;
    return *t;
  }
  bool type_is_secret() const {  // which hides itself
    const auto* t = field->type;
    while (t->kind == type_kind::optional) t = t->element;
    return t->is_secret;
  }
  bool is_list() const { return bare_type().kind == type_kind::array; }
  // Of what a value, or one item, is written as.
  type_kind item_kind() const {
    const auto* t = &bare_type();
    if (t->kind == type_kind::array) t = t->element;
    while (t->kind == type_kind::optional || t->kind == type_kind::codec) t = t->element;
    return t->kind;
  }
};

}  // namespace aft::detail
