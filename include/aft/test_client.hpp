#pragma once
// Asks an app in its own process, without a socket, and says what is expected; for tests of any
// framework.
//
//   aft::test_client api(app);
//   auto saved = api.post("/notes", new_note{"Milk"}).expect(201).json<note>();
//   api.get("/notes/1").expect(200).expect_header("ETag").expect_json("/title", "\"Milk\"");

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>
#include <aft/http/pattern.hpp>

namespace aft {

// Thrown where an answer is not as expected; what() shows the request, the answer, and the line.
class expectation_failed : public error {
 public:
  using error::error;
};

// An answer. Each expectation returns it again.
class checked_response {
 public:
  using headers = std::vector<std::pair<std::string, std::string>>;

  const test_response& response() const { return response_; }
  int status() const { return response_.status; }
  const std::string& body() const { return response_.body; }

  const checked_response& expect(int status, source_place = source_place::here()) const;
  const checked_response& expect_header(std::string_view name,
                                        source_place = source_place::here()) const;
  const checked_response& expect_header(std::string_view name, std::string_view value,
                                        source_place = source_place::here()) const;
  const checked_response& expect_body(std::string_view body,
                                      source_place = source_place::here()) const;
  // What stands at a JSON Pointer (RFC 6901), compared as JSON without regard to spaces between
  // its parts: expect_json("/tags", "[\"a\",\"b\"]").
  const checked_response& expect_json(std::string_view pointer, std::string_view json,
                                      source_place = source_place::here()) const;
  // A problem that names this place among its errors: expect_error("/title").
  const checked_response& expect_error(std::string_view pointer,
                                       source_place = source_place::here()) const;

  // The body in a type.
  template <class T>
  T json(source_place place = source_place::here()) const {
    auto value = json::read<T>(response_.body, {.ignore_unknown = true});
    if (!value) does_not_fit(value.reason(), place);
    return *std::move(value);
  }

 private:
  friend class test_client;
  checked_response(test_response&& r, std::string what)
      : response_(std::move(r)), what_(std::move(what)) {}
  [[noreturn]] void fail(const std::string& why, source_place place) const;
  [[noreturn]] void does_not_fit(const field_errors& errors, source_place place) const;

  test_response response_;
  std::string what_;  // "GET /notes/1"
};

// Sends with the same limits and checks as a socket would meet. Keeps cookies, as a browser does
// for one site. One thread at a time.
class test_client {
 public:
  explicit test_client(app& a) : app_(a) {}

  // Sent with every request from now on, instead of one of the same name before.
  test_client& header(std::string name, std::string value);
  test_client& bearer(const std::string& token) {
    return header("Authorization", "Bearer " + token);
  }

  checked_response get(std::string target) { return send({"GET", std::move(target), {}, {}}); }
  checked_response del(std::string target) { return send({"DELETE", std::move(target), {}, {}}); }
  checked_response post(std::string target) { return send({"POST", std::move(target), {}, {}}); }
  template <class T>
  checked_response post(std::string target, const T& value) {
    return send_json("POST", std::move(target), json::write(value));
  }
  template <class T>
  checked_response put(std::string target, const T& value) {
    return send_json("PUT", std::move(target), json::write(value));
  }
  template <class T>
  checked_response patch(std::string target, const T& value) {
    return send_json("PATCH", std::move(target), json::write(value));
  }
  checked_response send(test_request request);

 private:
  checked_response send_json(const char* method, std::string target, std::string body);
  void keep_cookies(const test_response& r);

  app& app_;
  checked_response::headers headers_{}, cookies_{};
};

}  // namespace aft
