#pragma once
// What all account pages do: read a form, show a page, lead to another one.

#include <string>
#include <string_view>
#include <vector>

#include "account_service.hpp"
#include "page_text.hpp"

namespace aft::guarding {

// What forms send; other fields are let be (csrf_token).
struct page_form {
  std::string email, password, current, token, code, name, next;
  std::vector<std::string> scope;
  std::int64_t session = 0, key = 0;
  int days = 90;
  static void rules(rules<page_form>& r) { r.ignore_unknown(); }
};
struct page_query {
  std::string token, next;
  static void rules(rules<page_query>& r) { r.ignore_unknown(); }
};

std::string hidden(std::string_view name, std::string_view value);

// Any thread; const. The guard and the service outlive it.
class page_desk {
 public:
  page_desk(const guard& g, const account_service& s)
      : guard_(g), service_(s), options_(g.options()) {}

  static page_form read(const request& r);  // throws a problem

  std::string at(std::string_view name) const;  // "/account/login"; of "" the first one
  std::string link(std::string_view name, std::string_view text) const;
  std::string csrf(const request& r) const;  // a hidden field of forms for who is signed in

  response show(std::string_view heading, std::string_view content, std::string_view alert = {},
                int status = 200) const {
    return page(options_, heading, content, alert, status);
  }
  // With what was wrong, and how long to wait.
  response again(response r, const problem& p) const;
  response go(const std::string& where, std::vector<std::string> cookies = {}) const;
  // To show the password once more, and come back.
  response prove(std::string_view next) const;

  const guard& of() const { return guard_; }
  const account_service& service() const { return service_; }
  const accounts& options() const { return options_; }

 private:
  const guard& guard_;
  const account_service& service_;
  const accounts& options_;
};

// Registers those of the second step, of second factors and of API keys, where they are in use.
void add_second_step_pages(const routes& all, const page_desk& p);
void add_second_factor_pages(const routes& all, const page_desk& p);
void add_api_key_pages(const routes& all, const page_desk& p);

}  // namespace aft::guarding
