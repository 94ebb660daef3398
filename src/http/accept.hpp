#pragma once
// What the client likes best of what there is: Accept-Encoding, Accept and Accept-Language (RFC
// 9110 section 12.5).
//
// Each takes the value of the line (several lines joined by commas) and what is offered, the best
// first; gives the index of the offer with the client's highest quality, the first of equals; and
// nothing where no offer is acceptable. Members that are malformed are ignored, as are parameters
// that mean nothing here.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace aft::http {

using offers = std::span<const std::string_view>;

// Offers such as "br", "gzip" and "identity", which is acceptable unless the line refuses it, and
// then the least liked unless the line names it. Without a line that is what is chosen, and
// whatever comes first where it is not offered.
[[nodiscard]] std::optional<std::size_t> choose_encoding(std::optional<std::string_view> line,
                                                         offers offered);

// Offers such as "text/html; charset=utf-8". The most specific range that fits an offer gives its
// quality; a range's parameters must all be the offer's, in any order. Without a line, or with
// none of its members readable, anything will do.
[[nodiscard]] std::optional<std::size_t> choose_media_type(std::optional<std::string_view> line,
                                                           offers offered);

// Offers such as "en" and "pt-BR". "en" asks for "en-GB" too (RFC 4647 section 3.3.1), and
// "de-CH" takes "de" where it is not named itself (section 3.4). As above without a line.
[[nodiscard]] std::optional<std::size_t> choose_language(std::optional<std::string_view> line,
                                                         offers offered);

}  // namespace aft::http
