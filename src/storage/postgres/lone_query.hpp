#pragma once
// One query alone, which may share a round trip with others.

#include <exception>
#include <memory>
#include <span>
#include <string_view>

#include <aft/storage/asked_query.hpp>

#include "../row_plan.hpp"
#include "libpq.hpp"

namespace aft::storage::postgres {

// Belongs to whoever asks it, and lives until finish() has begun. One thread at a time.
class lone_query {
 public:
  lone_query(std::string_view sql, std::span<const detail::parameter> bound, const type_info& of)
      : text(sql), values(bound), row(of) {}
  lone_query(const lone_query&) = delete;
  lone_query& operator=(const lone_query&) = delete;

  // Its turn has come, and it takes others along, on a thread of its own: true; false: it has none.
  virtual bool leads_itself() noexcept = 0;
  // All of a round are answered before the first of it is finished.
  virtual void take_answer(result rows) noexcept = 0;
  // Returns what is to be kept until all of a round are finished; null: nothing.
  virtual std::unique_ptr<asked_query> finish() noexcept = 0;

  bool is_settled() const { return is_answered || failure; }

  const std::string_view text;  // lives as long as the program
  const std::span<const detail::parameter> values;
  const type_info& row;

  bool is_answered = false;
  row_plan plan{};  // of the rows that answer it
  std::exception_ptr failure{};
  bool was_stale = false;

 protected:
  ~lone_query() = default;
};

}  // namespace aft::storage::postgres
