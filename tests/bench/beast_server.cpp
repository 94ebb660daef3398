// The peer Boost.Beast, used as its asynchronous server example does, in one thread.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/version.hpp>
#include <boost/version.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "arguments.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

response make_response(const request& asked, http::status status, const char* type,
                       std::string body) {
  response made{status, asked.version()};
  made.set(http::field::server, BOOST_BEAST_VERSION_STRING);
  made.set(http::field::content_type, type);
  made.keep_alive(asked.keep_alive());
  made.body() = std::move(body);
  made.prepare_payload();
  return made;
}

response answer(const request& asked) {
  constexpr std::string_view users = "/users/";
  const std::string_view target(asked.target().data(), asked.target().size());
  if (target == "/plaintext") {
    return make_response(asked, http::status::ok, "text/plain", "Hello, World!");
  }
  if (target == "/json") {
    return make_response(asked, http::status::ok, "application/json",
                         R"({"message":"Hello, World!"})");
  }
  if (target.starts_with(users)) {
    return make_response(asked, http::status::ok, "text/plain",
                         std::string(target.substr(users.size())));
  }
  return make_response(asked, http::status::not_found, "text/plain", "no such path");
}

// One connection; it lives in the handlers of its operations.
class session : public std::enable_shared_from_this<session> {
 public:
  explicit session(tcp::socket&& socket) : stream_(std::move(socket)) {}

  void read() {
    request_ = {};
    stream_.expires_after(std::chrono::seconds(30));
    http::async_read(stream_, buffer_, request_,
                     beast::bind_front_handler(&session::on_read, shared_from_this()));
  }

 private:
  void on_read(beast::error_code failed, std::size_t) {
    if (failed) return close();
    response_.emplace(answer(request_));
    http::async_write(stream_, *response_,
                      beast::bind_front_handler(&session::on_write, shared_from_this()));
  }
  void on_write(beast::error_code failed, std::size_t) {
    if (failed || response_->need_eof()) return close();
    response_.reset();
    read();
  }
  void close() {
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  request request_;
  std::optional<response> response_;
};

void accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](beast::error_code failed, tcp::socket socket) {
    if (failed == asio::error::operation_aborted) return;
    if (!failed) {
      socket.set_option(tcp::no_delay(true), failed);
      std::make_shared<session>(std::move(socket))->read();
    }
    accept(acceptor);
  });
}

}  // namespace

int main(int count, char** words) {
  const bench::arguments given(count, words, {"--port"});
  given.answer_version("Boost.Beast of Boost " BOOST_LIB_VERSION);
  const auto port = std::uint16_t(given.number("--port", 8080, 0, 65535));
  try {
    asio::io_context context(1);
    tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), port});
    accept(acceptor);
    asio::signal_set signals(context, SIGTERM, SIGINT);
    signals.async_wait([&context](beast::error_code, int) { context.stop(); });
    std::printf("listening on http://127.0.0.1:%u\n", unsigned(acceptor.local_endpoint().port()));
    std::fflush(stdout);
    context.run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
