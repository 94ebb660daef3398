#pragma once
// One query alone, of somebody who does not wait for it.

#include <exception>
#include <string_view>
#include <vector>

#include <aft/ground/function.hpp>
#include <aft/storage/reader.hpp>
#include <aft/storage/sql_text.hpp>

namespace aft::storage {

struct asked_query {
  std::string_view text;  // lives as long as the program
  std::vector<detail::kept_value> values;
  row_target rows;                          // filled before done() is called
  function<void(std::exception_ptr)> done;  // any thread; returns at once

  std::vector<detail::parameter> bound() const {
    std::vector<detail::parameter> all;
    for (const auto& v : values) all.push_back(v.bound());
    return all;
  }
};

}  // namespace aft::storage
