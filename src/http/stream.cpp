#include <aft/http/stream.hpp>

#include <memory>

#include "body_source.hpp"
#include "call.hpp"

namespace aft {
namespace {

class stream_source final : public http::body_source {
 public:
  explicit stream_source(stream&& s) : stream_(std::move(s)) {}
  step next(buffer& out) override { return stream_.next(out) ? step::more : step::end; }

 private:
  stream stream_;
};

}  // namespace

void stream::answer(http::call& c) && {
  response head{options_.status, {}, options_.content_type, options_.headers};
  http::reply_with(c, std::move(head));
  c.answer.source_size = options_.size;
  c.answer.source = std::make_unique<stream_source>(std::move(*this));
}

}  // namespace aft
