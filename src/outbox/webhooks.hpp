#pragma once
// Webhooks on their way.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/client/http_client.hpp>
#include <aft/outbox/webhooks.hpp>
#include <aft/storage/database.hpp>

namespace aft::outbox {

struct deliver_webhook {
  static constexpr std::string_view job_name = "aft_webhook";
  std::int64_t delivery;
};

constexpr int max_webhook_attempts = 10;

// After the attempt of that number, from 1, without chance.
duration webhook_delay(int attempt);

sealed_place secret_place(std::int64_t endpoint);
sealed_place old_secret_place(std::int64_t endpoint);

void enqueue_delivery(transaction& tx, std::int64_t delivery, std::int64_t endpoint);

// One run of the job.
void deliver(const webhook_options& options, const http_client& web, const deliver_webhook& job,
             job_context& context, database& db);

}  // namespace aft::outbox
