#include <aft/ground/settings.hpp>

#include <unistd.h>

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/ground/query_string.hpp>

#include "check.hpp"
#include "setting_field.hpp"
#include "settings_file.hpp"
#include "settings_text.hpp"

namespace aft::detail {
namespace {

constexpr std::size_t longest_quoted = 60;  // of what a user has written, in a message

std::string with_letters(std::string text, char parting, bool upper) {
  for (char& c : text) {
    if (c == '.' || c == '_' || c == '-') c = parting;
    else if (upper) c = char(std::toupper(static_cast<unsigned char>(c)));
  }
  return text;
}

// How many letters have to be changed, put in or left out.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto same = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({same, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

class settings_reading {
 public:
  settings_reading(const settings_places& where, std::span<const char* const> words, void* values,
                   const type_info& type)
      : where_(where), words_(words), values_(values), type_(type) {
    gather(values, type, {});
  }

  std::optional<settings_end> run() {
    split_words();
    if (wants_help_) return settings_end{0, settings_help(where_, fields_)};
    read_file();
    read_environment();
    for (const auto& [option, text] : given_) read_option(option, text);
    apply();
    if (mistakes_.empty()) check(values_, type_, {});
    if (!mistakes_.empty()) return settings_end{2, told_mistakes()};
    if (wants_settings_) return settings_end{0, show_settings(fields_)};
    return {};
  }

  const std::vector<setting_field>& fields() const { return fields_; }

 private:
  struct value_given {
    setting_field* to;
    std::vector<std::string> texts;
    std::string from;
  };

  void gather(void* base, const type_info& type, const std::string& before) {
    for (std::uint32_t i = 0; i < type.field_count; ++i) {
      const auto& field = type.fields[i];
      void* place = static_cast<char*>(base) + field.offset;
      const auto name = before + std::string(field.name);
      if (field.type->kind == type_kind::object) {
        gather(place, *field.type, name + ".");
        continue;
      }
      setting_field f{
          name, "--" + with_letters(name, '-', false),
          where_.environment.empty() ? "" : where_.environment + with_letters(name, '_', true),
          &field, place};
      const auto kind = f.item_kind();
      if (kind == type_kind::bytes || kind == type_kind::object || kind == type_kind::array ||
          kind == type_kind::map || kind == type_kind::raw_json) {
        throw configuration_error(fmt::format("{} has no form as a setting", name));
      }
      const bool is_taken = f.option == "--help" || f.option == "--config" ||
                            f.option == "--settings" || find_option(f.option);
      if (is_taken) {
        throw configuration_error(fmt::format("the option {} would mean two things", f.option));
      }
      fields_.push_back(std::move(f));
    }
  }

  setting_field* find_option(std::string_view option) {
    for (auto& f : fields_) {
      if (f.option == option) return &f;
    }
    return nullptr;
  }

  // Options and their values. What is no option is none of ours.
  void split_words() {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::string_view word = words_[i];
      if (word == "--help" || word == "-h") {
        wants_help_ = true;
        continue;
      }
      if (word == "--settings") {
        wants_settings_ = true;
        continue;
      }
      const auto equals = word.find('=');
      const std::string option(word.substr(0, equals));
      const auto* known = find_option(option);
      if (!known && option != "--config") {
        mistake(option.substr(0, longest_quoted), "is not an option", option,
                &setting_field::option);
        const bool has_value =
            equals == word.npos && i + 1 < words_.size() && *words_[i + 1] != '-';
        if (word.starts_with("--") && has_value) ++i;
        continue;
      }
      const bool is_flag = known && known->item_kind() == type_kind::boolean;
      if (equals != word.npos) given_.emplace_back(option, word.substr(equals + 1));
      else if (is_flag) given_.emplace_back(option, "true");
      else if (i + 1 < words_.size()) given_.emplace_back(option, words_[++i]);
      else mistake(option, "needs a value");
    }
  }

  void read_file() {
    auto path = where_.file;
    bool must_be = false;
    for (const auto& [option, text] : given_) {
      if (option == "--config") path = text, must_be = true;
    }
    if (path.empty() || (!must_be && ::access(path.c_str(), F_OK) != 0)) return;
    std::string why;
    for (auto& found : read_settings_file(path, why)) {
      auto from = fmt::format("{}, line {}", path, found.line);
      const auto to = std::find_if(fields_.begin(), fields_.end(),
                                   [&](const setting_field& f) { return f.name == found.name; });
      if (to == fields_.end()) {
        mistake(from, fmt::format("{} is not a setting", found.name), found.name,
                &setting_field::name);
      } else if (const auto* wrong = wrong_form(*to, found)) {
        mistake(from, fmt::format("{} {}", found.name, wrong));
      } else {
        values_given_.push_back({&*to, std::move(found.texts), std::move(from)});
      }
    }
    if (!why.empty()) mistake(path, why);
  }

  static const char* wrong_form(const setting_field& to, const file_setting& found) {
    if (to.is_list() != found.is_list)
      return to.is_list() ? "must be a list" : "must not be a list";
    switch (to.item_kind()) {
      case type_kind::boolean:
      case type_kind::integer:
      case type_kind::number: return found.is_quoted ? "must not be in quotes" : nullptr;
      case type_kind::time: return nullptr;
      default: return found.is_plain ? "must be a text, in quotes" : nullptr;
    }
  }

  void read_environment() {
    if (where_.environment.empty()) return;
    for (char** at = ::environ; at && *at; ++at) {
      const std::string_view entry = *at;
      if (!entry.starts_with(where_.environment)) continue;
      const auto equals = std::min(entry.find('='), entry.size());
      const std::string name(entry.substr(0, equals));
      const auto to = std::find_if(fields_.begin(), fields_.end(),
                                   [&](const setting_field& f) { return f.variable == name; });
      if (to == fields_.end()) {
        mistake(name, "is not a setting", name, &setting_field::variable);
        continue;
      }
      const auto text = entry.substr(std::min(equals + 1, entry.size()));
      values_given_.push_back({&*to, to->is_list() ? parted(text) : one(text), name});
    }
  }

  static std::vector<std::string> one(std::string_view text) { return {std::string(text)}; }
  static std::vector<std::string> parted(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
      const auto end = std::min(text.find(','), text.size());
      parts.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
  }

  void read_option(const std::string& option, const std::string& text) {
    if (option == "--config") return;
    auto* to = find_option(option);
    const auto before = std::find_if(values_given_.begin(), values_given_.end(),
                                     [&](const auto& v) { return v.to == to && v.from == option; });
    if (before == values_given_.end()) values_given_.push_back({to, one(text), option});
    else if (to->is_list()) before->texts.push_back(text);
    else mistake(option, "is given twice");
  }

  void apply() {
    for (auto& given : values_given_) {
      given.to->from = given.from;
      if (given.to->is_list()) apply_list(given);
      else
        apply_text(given, given.texts.at(0), given.to->place, *given.to->field->type,
                   given.to->field->restricted ? &given.to->field->rule : nullptr);
    }
  }

  void apply_list(const value_given& given) {
    const auto& field = *given.to->field;
    void* list = given.to->place;
    const auto* type = field.type;
    if (type->kind == type_kind::optional) list = type->emplace(list), type = type->element;
    type->clear(list);
    for (const auto& text : given.texts) {
      apply_text(given, text, type->push(list), *type->element, nullptr);
    }
    if (!field.restricted) return;
    if (auto wrong = check_count(field.rule, std::int64_t(given.texts.size()), "item")) {
      mistake(given.from, wrong.detail);
    }
  }

  void apply_text(const value_given& given, const std::string& text, void* place,
                  const type_info& type, const constraints* rule) {
    field_error error;
    if (read_text(text, place, type, rule, error)) return;
    const bool names_it = given.from == given.to->option || given.from == given.to->variable;
    mistake(given.from, names_it ? error.detail : given.to->name + " " + error.detail);
  }

  void check(const void* base, const type_info& type, const std::string& before) {
    for (std::uint32_t i = 0; i < type.check_count; ++i) {
      const auto& rule = type.checks[i];
      if (rule.call(rule.predicate, base)) continue;
      mistake(before + std::string(type.fields[rule.field].name), rule.message);
    }
    for (std::uint32_t i = 0; i < type.field_count; ++i) {
      const auto& field = type.fields[i];
      if (field.type->kind != type_kind::object) continue;
      check(static_cast<const char*>(base) + field.offset, *field.type,
            before + std::string(field.name) + ".");
    }
  }

  void mistake(std::string_view where, std::string_view what) {
    mistakes_.push_back(fmt::format("{}: {}", where, what));
  }
  // With the nearest name of a known one.
  void mistake(std::string_view where, std::string_view what, std::string_view unknown,
               std::string setting_field::*form) {
    const setting_field* nearest = nullptr;
    std::size_t least = unknown.size() > longest_quoted ? 0 : 3;
    for (const auto& f : fields_) {
      const auto d = distance(unknown, f.*form);
      if (d < least) least = d, nearest = &f;
    }
    mistake(where, nearest ? fmt::format("{}; did you mean {}?", what, nearest->*form)
                           : std::string(what));
  }

  std::string told_mistakes() const {
    std::string text;
    for (const auto& m : mistakes_) text += fmt::format("{}: {}\n", where_.program, m);
    return text + fmt::format("{} --help tells what there is.\n", where_.program);
  }

  const settings_places& where_;
  std::span<const char* const> words_;
  void* values_;
  const type_info& type_;
  std::vector<setting_field> fields_{};
  std::vector<std::pair<std::string, std::string>> given_{};  // options, in their order
  std::vector<value_given> values_given_{};                   // the later ones win
  std::vector<std::string> mistakes_{};
  bool wants_help_ = false, wants_settings_ = false;
};

}  // namespace

std::optional<settings_end> read_settings(const settings_places& where,
                                          std::span<const char* const> words, void* values,
                                          const type_info& type, std::vector<setting>& all) {
  settings_reading reading(where, words, values, type);
  if (auto end = reading.run()) return end;
  all = list_settings(reading.fields());
  return {};
}

}  // namespace aft::detail
