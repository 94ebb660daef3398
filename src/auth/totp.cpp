#include <aft/auth/totp.hpp>

#include <openssl/hmac.h>

#include <fmt/format.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/query_string.hpp>
#include <aft/ground/random.hpp>

namespace aft {
namespace {

constexpr std::string_view base32_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t totp_secret_bytes = 20;
constexpr std::int64_t totp_step_seconds = 30;

std::string hmac_of(otp_hash hash, std::string_view key, std::string_view text) {
  const auto* kind = hash == otp_hash::sha1     ? EVP_sha1()
                     : hash == otp_hash::sha256 ? EVP_sha256()
                                                : EVP_sha512();
  unsigned char code[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!HMAC(kind, key.data(), int(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
            text.size(), code, &size)) {
    throw error("a one-time password cannot be computed");
  }
  return {reinterpret_cast<const char*>(code), size};
}

std::int64_t step_of(time_point when) { return when.since_1970().in_seconds() / totp_step_seconds; }

// All steps of the window are computed, whichever one it is.
std::optional<std::int64_t> step_of_code(std::string_view secret, std::string_view code,
                                         time_point now, unsigned window) {
  const auto middle = step_of(now);
  std::optional<std::int64_t> found;
  for (auto step = middle - window; step <= middle + std::int64_t(window); ++step) {
    if (step >= 0 && equal_in_constant_time(hotp_code(secret, std::uint64_t(step)), code)) {
      found = step;
    }
  }
  return found;
}

struct stored_totp {
  std::int64_t id;
  std::optional<sealed> secret;
  std::optional<time_point> confirmed_at, locked_until;
  std::int64_t last_step;
  int failures;
};

sealed_place totp_place(std::int64_t id) { return {"aft_totp", "secret", std::to_string(id)}; }

std::optional<stored_totp> find_totp(reader& db, std::string_view subject) {
  return db.find<stored_totp>("select * from aft_totp where subject = $1", subject);
}

}  // namespace

std::string to_base32(std::string_view bytes) {
  std::string out;
  std::uint32_t group = 0;
  int bits = 0;
  for (const char c : bytes) {
    group = group << 8 | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 5; bits -= 5) out += base32_letters[group >> (bits - 5) & 31];
    group &= (1u << bits) - 1;
  }
  if (bits) out += base32_letters[group << (5 - bits) & 31];
  return out;
}

std::string hotp_code(std::string_view secret, std::uint64_t counter, unsigned digits,
                      otp_hash hash) {
  if (digits < 6 || digits > 8) throw error("a one-time password has 6 to 8 digits");
  std::string text(8, '\0');
  for (std::size_t i = 8; i--; counter >>= 8) text[i] = char(counter & 255);
  const auto code = hmac_of(hash, secret, text);
  const auto at = std::size_t(code.back() & 15);
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i)
    number = number << 8 | static_cast<unsigned char>(code[at + i]);
  number &= 0x7fff'ffff;
  std::uint32_t below = 1;
  for (unsigned i = 0; i < digits; ++i) below *= 10;
  return fmt::format("{:0{}}", number % below, digits);
}

std::string totp_code(std::string_view secret, time_point when, unsigned digits, duration step,
                      otp_hash hash) {
  return hotp_code(secret, std::uint64_t(when.since_1970().in_seconds() / step.in_seconds()),
                   digits, hash);
}

totp::totp(const key_ring& keys, totp_options options) : keys_(keys), options_(std::move(options)) {
  if (options_.issuer.empty() || options_.issuer.find(':') != std::string::npos) {
    throw configuration_error("the issuer of one-time passwords is a name without a colon");
  }
  if (options_.window > 10) {
    throw configuration_error("a window of one-time passwords beyond ten steps");
  }
}

std::optional<totp_setup> totp::begin(transaction& tx, std::string_view subject,
                                      std::string_view account) const {
  const auto before = find_totp(tx, subject);
  if (before && before->confirmed_at) return {};
  const auto id = before ? before->id
                         : tx.one<std::int64_t>(
                               "insert into aft_totp (subject) values ($1) returning id", subject);
  const auto secret = random_bytes(totp_secret_bytes);
  tx.execute("update aft_totp set secret = $2, last_step = -1 where id = $1", id,
             keys_.seal(secret, totp_place(id)));
  const auto letters = to_base32(secret);
  const auto issuer = percent_encode(options_.issuer);
  return totp_setup{letters, fmt::format("otpauth://totp/{}:{}?secret={}&issuer={}", issuer,
                                         percent_encode(account), letters, issuer)};
}

totp_verdict totp::confirm(transaction& tx, std::string_view subject, std::string_view code) const {
  return take(tx, subject, code, true);
}

totp_verdict totp::check(transaction& tx, std::string_view subject, std::string_view code) const {
  return take(tx, subject, code, false);
}

totp_verdict totp::take(transaction& tx, std::string_view subject, std::string_view code,
                        bool confirms) const {
  const auto kept = find_totp(tx, subject);
  if (!kept || !kept->secret || bool(kept->confirmed_at) == confirms) return totp_verdict::off;
  const auto now = tx.now();
  if (kept->locked_until && now < *kept->locked_until) return totp_verdict::locked;
  const auto secret = keys_.open(*kept->secret, totp_place(kept->id));
  const auto step = step_of_code(secret.reveal(), code, now, options_.window);
  if (!step || *step <= kept->last_step) {
    std::optional<time_point> until;
    const int failures = kept->failures + 1;
    if (unsigned(failures) >= options_.max_failures) until = now + options_.lock;
    tx.execute("update aft_totp set failures = $2, locked_until = $3 where id = $1", kept->id,
               until ? 0 : failures, until);
    return totp_verdict::wrong;
  }
  const bool first = tx.execute(
      "update aft_totp set last_step = $2, failures = 0, locked_until = null, "
      "confirmed_at = coalesce(confirmed_at, $3) where id = $1 and last_step < $2",
      kept->id, *step, now);
  return first ? totp_verdict::accepted : totp_verdict::wrong;
}

bool totp::is_on(reader& db, std::string_view subject) {
  const auto kept = find_totp(db, subject);
  return kept && kept->confirmed_at;
}

bool totp::remove(transaction& tx, std::string_view subject) {
  return tx.execute("delete from aft_totp where subject = $1", subject) > 0;
}

}  // namespace aft
