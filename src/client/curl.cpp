#include "curl.hpp"

namespace aft::client {
namespace {

constexpr int asked_every = 50;     // milliseconds, whether it is cancelled
constexpr int longest_wait = 1000;  // milliseconds; libcurl knows its own time-outs

}  // namespace

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw error("libcurl does not start");
}

CURLcode curl_handle::perform(const function<bool()>& cancelled) {
  const without_sigpipe quiet;
  if (const auto code = curl_multi_add_handle(multi_.get(), easy_.get()); code != CURLM_OK) {
    throw error(std::string("libcurl cannot begin a transfer: ") + curl_multi_strerror(code));
  }
  struct removal {
    CURLM* multi;
    CURL* easy;
    ~removal() { curl_multi_remove_handle(multi, easy); }
  } removed{multi_.get(), easy_.get()};
  while (true) {
    int running = 0;
    const auto code = curl_multi_perform(multi_.get(), &running);
    if (code != CURLM_OK)
      return code == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_RECV_ERROR;
    int left = 0;
    while (const auto* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg == CURLMSG_DONE) return message->data.result;
    }
    if (cancelled && cancelled()) return CURLE_ABORTED_BY_CALLBACK;
    curl_multi_poll(multi_.get(), nullptr, 0, cancelled ? asked_every : longest_wait, nullptr);
  }
}

}  // namespace aft::client
