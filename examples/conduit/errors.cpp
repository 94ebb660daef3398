#include "conduit.hpp"

namespace conduit {
namespace {

std::string field_of(const aft::field_error& e) {
  const auto slash = e.pointer.rfind('/');
  return slash == e.pointer.npos || slash + 1 == e.pointer.size() ? "body"
                                                                  : e.pointer.substr(slash + 1);
}

bool is_blank(const aft::field_error& e) {
  return e.code == "missing" || e.code == "check" ||
         (e.code == "length" && e.detail == "must not be empty");
}

}  // namespace

void define_errors(aft::app& app) {
  app.on_problem([](const aft::problem& p, const aft::request& r) -> aft::response {
    if (!r.path().starts_with("/api")) {
      aft::buffer out;
      aft::write_problem(out, p);
      return {p.status, std::string(out.view()), "application/problem+json"};
    }
    error_body body;
    for (const auto& e : p.errors) {
      body.errors[field_of(e)].push_back(is_blank(e) ? "can't be blank" : e.detail);
    }
    if (body.errors.empty()) body.errors[p.code.empty() ? "body" : p.code].push_back(p.detail);
    const int status = p.status == 400 ? misfit : p.status;
    return {status, aft::json::write(body), "application/json; charset=utf-8"};
  });
}

}  // namespace conduit
