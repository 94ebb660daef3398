#pragma once
// The rules of app::self_check.

#include <aft/app.hpp>
#include <aft/self_check.hpp>

namespace aft {

// `has_log`: records go somewhere. Looks at files, and asks nobody.
std::vector<finding> check_options(const app_options& options, bool has_log,
                                   const listen_options& listen);

}  // namespace aft
