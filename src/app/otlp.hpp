#pragma once
// Spans as the OpenTelemetry protocol has them.

#include <span>
#include <string>
#include <string_view>

#include <aft/ground/span.hpp>

namespace aft {

// An ExportTraceServiceRequest in JSON (opentelemetry-proto 1.3, OTLP/HTTP): ids in hexadecimal,
// 64-bit numbers as texts.
std::string write_otlp(std::span<const ended_span> spans, std::string_view service);

}  // namespace aft
