#pragma once
// The media type of a file by its name, and what is worth compressing.

#include <string_view>

namespace aft::http {

// By what stands after the last '.', in either case; text says that it is UTF-8. For anything else
// application/octet-stream. Lives as long as the program.
std::string_view media_type_of(std::string_view file_name);

// Whether content of the type, given with or without parameters, mostly shrinks: text, and formats
// that do not compress themselves.
bool is_compressible(std::string_view media_type);

}  // namespace aft::http
