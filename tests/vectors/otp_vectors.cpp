// The tables of RFC 4226 and RFC 6238.

#include <vector>

#include <aft/auth/totp.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>

#include "vectors.hpp"

namespace {

struct hotp_table {
  std::string key_hex;
  unsigned digits;
  std::vector<std::string> values;
};
struct totp_row {
  std::string alg, key_hex, value;
  std::int64_t time, step;
  unsigned digits;
};
struct otp_file {
  hotp_table hotp;
  std::vector<totp_row> totp;
};

int failures = 0, right = 0;

void count(bool is_right, const std::string& what) {
  ++(is_right ? right : failures);
  if (!is_right) std::cerr << "wrong: " << what << "\n";
}

std::string bytes_of(const std::string& hex) {
  std::string bytes;
  if (!aft::from_hex(hex, bytes)) std::exit(1);
  return bytes;
}

}  // namespace

int main() {
  const auto file = aft::json::read<otp_file>(
      vectors::read(vectors::folder("otp") / "rfc4226-rfc6238.json"), {.ignore_unknown = true});
  if (!file) return std::cerr << "the vectors are not as expected\n", 1;
  for (std::size_t i = 0; i < file->hotp.values.size(); ++i) {
    count(
        aft::hotp_code(bytes_of(file->hotp.key_hex), i, file->hotp.digits) == file->hotp.values[i],
        "HOTP " + std::to_string(i));
  }
  for (const auto& row : file->totp) {
    const auto hash = row.alg == "SHA1"     ? aft::otp_hash::sha1
                      : row.alg == "SHA256" ? aft::otp_hash::sha256
                                            : aft::otp_hash::sha512;
    count(aft::totp_code(bytes_of(row.key_hex), aft::time_point(aft::seconds(row.time)), row.digits,
                         aft::seconds(row.step), hash) == row.value,
          row.alg + " at " + std::to_string(row.time));
  }
  std::cout << right << " right, " << failures << " wrong\n";
  return failures || right < 28 ? 1 : 0;
}
