#include <aft/auth/recovery_codes.hpp>

#include <fmt/format.h>

#include <aft/auth/totp.hpp>
#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/random.hpp>

namespace aft {
namespace {

constexpr int recovery_codes = 10;
constexpr std::size_t recovery_bytes = 15;  // 24 letters

// The subject stands in the hash, so that nobody's code is another's.
std::string recovery_hash(std::string_view subject, std::string_view letters) {
  return to_base64url(sha256(fmt::format("{}:{}:{}", subject.size(), subject, letters)));
}

std::string in_groups(std::string_view letters) {
  std::string text;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (i && i % 6 == 0) text += '-';
    text += letters[i] >= 'A' ? char(letters[i] - 'A' + 'a') : letters[i];
  }
  return text;
}

std::string without_groups(std::string_view code) {
  std::string letters;
  for (const char c : code.substr(0, 100)) {
    if (c == '-' || c == ' ') continue;
    letters += c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
  }
  return letters;
}

}  // namespace

std::vector<std::string> make_recovery_codes(transaction& tx, std::string_view subject) {
  tx.execute("delete from aft_recovery_code where subject = $1", subject);
  std::vector<std::string> codes;
  for (int i = 0; i < recovery_codes; ++i) {
    const auto letters = to_base32(random_bytes(recovery_bytes));
    tx.execute("insert into aft_recovery_code (subject, code_hash, created_at) values ($1, $2, $3)",
               subject, recovery_hash(subject, letters), tx.now());
    codes.push_back(in_groups(letters));
  }
  return codes;
}

bool use_recovery_code(transaction& tx, std::string_view subject, std::string_view code) {
  return tx.execute(
             "update aft_recovery_code set used_at = $1 where subject = $2 and code_hash = $3 and "
             "used_at is null",
             tx.now(), subject, recovery_hash(subject, without_groups(code))) > 0;
}

std::int64_t recovery_codes_left(reader& db, std::string_view subject) {
  return db.one<std::int64_t>(
      "select count(*) from aft_recovery_code where subject = $1 and used_at is null", subject);
}

}  // namespace aft
