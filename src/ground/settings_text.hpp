#pragma once
// What a program tells of its settings.

#include <span>
#include <string>
#include <vector>

#include <aft/ground/settings.hpp>

#include "setting_field.hpp"

namespace aft::detail {

// As they are now; what is secret is masked.
std::vector<setting> list_settings(std::span<const setting_field> fields);

// The answers to --settings and --help.
std::string show_settings(std::span<const setting_field> fields);
std::string settings_help(const settings_places& where, std::span<const setting_field> fields);

}  // namespace aft::detail
