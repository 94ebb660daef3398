#pragma once
// An app whose accounts may have second factors and API keys.

#include <doctest/doctest.h>

#include "../auth/authenticator.hpp"
#include "guarded_app.hpp"

struct with_key_ring {
  aft::key_ring ring{{aft::make_sealing_key("1")}};
  aft::audit_log audit{&ring};
};

struct code_only {
  std::string code;
};
struct totp_setup_view {
  std::string secret, url;
};
struct recovery_view {
  std::vector<std::string> recovery_codes;
};
struct password_only {
  std::string password = guarded_app::password;
};

struct credentials_app : with_key_ring, guarded_app {
  explicit credentials_app(aft::accounts how = {})
      : guarded_app(":memory:", with_credentials(*this, std::move(how))) {}

  static aft::accounts with_credentials(with_key_ring& keys, aft::accounts how) {
    how.site_name = "Notes";
    how.second_factor_keys = &keys.ring;
    how.api_keys = "notes";
    how.audit = &keys.audit;
    how.permissions = {{"editor", {"note:read", "note:write"}}};
    return how;
  }

  // Sets up the second factor of somebody who is signed in; some time passes. Returns the recovery
  // codes, too.
  struct enrolled {
    authenticator app;
    std::vector<std::string> codes;
  };
  enrolled enrol(browser& b) {
    const auto setup = b.post("/api/account/totp").expect(200).json<totp_setup_view>();
    authenticator phone(setup.secret);
    auto codes = b.post("/api/account/totp/confirm", code_only{phone.code(time.now())})
                     .expect(200)
                     .json<recovery_view>();
    time.advance(aft::seconds(30));
    return {phone, std::move(codes.recovery_codes)};
  }
  aft::checked_response show(browser& b, const std::string& code) {
    return b.post("/api/account/login/second", code_only{code});
  }
  std::vector<std::string> audited() {
    return app.db().all<std::string>("select event from aft_audit order by id");
  }
};
