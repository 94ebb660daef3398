// The peer RESTinio, on Boost.Asio, in one thread.

#include <restinio/all.hpp>

#include <boost/version.hpp>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "arguments.hpp"

namespace {

using router = restinio::router::express_router_t<>;

struct traits : restinio::default_single_thread_traits_t {
  using request_handler_t = router;
};

template <class Response>
auto answer(Response&& response, const char* type, std::string body) {
  return response.append_header_date_field()
      .append_header(restinio::http_field::content_type, type)
      .set_body(std::move(body))
      .done();
}

std::unique_ptr<router> make_routes() {
  auto routes = std::make_unique<router>();
  routes->http_get("/plaintext", [](auto request, auto) {
    return answer(request->create_response(), "text/plain", "Hello, World!");
  });
  routes->http_get("/json", [](auto request, auto) {
    return answer(request->create_response(), "application/json", R"({"message":"Hello, World!"})");
  });
  routes->http_get(R"(/users/:id(\d+))", [](auto request, auto parameters) {
    return answer(request->create_response(), "text/plain", std::string(parameters["id"]));
  });
  return routes;
}

std::string version() {
  return "RESTinio " + std::to_string(RESTINIO_VERSION_MAJOR) + '.' +
         std::to_string(RESTINIO_VERSION_MINOR) + '.' + std::to_string(RESTINIO_VERSION_PATCH) +
         " on Asio of Boost " BOOST_LIB_VERSION;
}

}  // namespace

int main(int count, char** words) {
  const bench::arguments given(count, words, {"--port"});
  given.answer_version(version());
  const auto port = std::uint16_t(given.number("--port", 8080, 0, 65535));

  restinio::asio_ns::io_context context(1);
  std::uint16_t bound = 0;
  restinio::http_server_t<traits> server(
      restinio::external_io_context(context), [&](auto& settings) {
        settings.address("127.0.0.1")
            .port(port)
            .max_pipelined_requests(16)  // 1 would stop reading until each answer is sent
            .handle_request_timeout(std::chrono::seconds(60))
            .acceptor_options_setter([](auto& options) {
              options.set_option(restinio::asio_ns::ip::tcp::acceptor::reuse_address(true));
            })
            .socket_options_setter([](auto& options) {
              options.set_option(restinio::asio_ns::ip::tcp::no_delay(true));
            })
            .acceptor_post_bind_hook(
                [&bound](auto& acceptor) { bound = acceptor.local_endpoint().port(); })
            .request_handler(make_routes());
      });

  restinio::asio_ns::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([&server](const auto&, int) {
    server.close_async([&server] { server.io_context().stop(); },
                       [](std::exception_ptr why) { std::rethrow_exception(why); });
  });
  server.open_async(
      [&bound] {
        std::printf("listening on http://127.0.0.1:%u\n", unsigned(bound));
        std::fflush(stdout);
      },
      [](std::exception_ptr why) { std::rethrow_exception(why); });
  try {
    context.run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "cannot listen: %s\n", e.what());
    return 1;
  }
}
