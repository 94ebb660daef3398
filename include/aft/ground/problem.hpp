#pragma once
// The body of every answer that is not a success: RFC 9457, application/problem+json.

#include <string>
#include <string_view>

#include <aft/ground/buffer.hpp>
#include <aft/ground/json.hpp>

namespace aft {

// A refusal as the client sees it. A handler returns or throws one, and it becomes the response.
// Nothing in it may be secret.
struct problem {
  int status = 500;
  std::string detail{};         // one sentence on this occurrence
  std::string code{};           // stable, for programs: "name_taken"
  field_errors errors{};        // every mistake at once
  std::string title{};          // empty: the status's own words
  std::string type{};           // a URI that documents it; empty: "about:blank"
  int retry_after_seconds = 0;  // sent as Retry-After when not 0
};

// The registered words for a status code: "Not Found"; "" if there are none.
std::string_view reason_phrase(int status);

// Appends it as JSON. `instance` is the request's own id, where there is one.
void write_problem(buffer& out, const problem& p, std::string_view instance = {});

inline problem bad_request(std::string detail) { return {400, std::move(detail)}; }
inline problem unauthorized(std::string detail) { return {401, std::move(detail)}; }
inline problem forbidden(std::string detail) { return {403, std::move(detail)}; }
inline problem not_found(std::string detail) { return {404, std::move(detail)}; }
inline problem conflict(std::string detail) { return {409, std::move(detail)}; }
inline problem unprocessable(std::string detail, field_errors errors = {}) {
  return {422, std::move(detail), {}, std::move(errors)};
}

}  // namespace aft
