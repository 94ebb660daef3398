#include "meeting/queue_watch.hpp"

#include <doctest/doctest.h>

using aft::meeting::queue_watch;
using std::chrono::milliseconds;

namespace {

struct with_watch {
  queue_watch watch{aft::milliseconds(100)};
  queue_watch::moment now{std::chrono::hours(1)};

  // One that has waited for so long gets its turn.
  bool begins(int waited) {
    watch.entered();
    return watch.begins(now - milliseconds(waited), now);
  }
  void pass(int time) { now += milliseconds(time); }
};

}  // namespace

TEST_CASE_FIXTURE(with_watch, "a moment of long waits refuses nobody") {
  CHECK(begins(10));
  CHECK(begins(3000));  // whatever held the lane up
  pass(99);
  CHECK(begins(3000));
  CHECK(watch.lets_in());
  CHECK(begins(50));  // it has caught up
  pass(10);
  CHECK(begins(3000));
}

TEST_CASE_FIXTURE(with_watch, "when waits stay long, those who waited too long are refused") {
  CHECK(begins(60));
  pass(100);
  CHECK(begins(100));
  CHECK(!begins(101));
  CHECK(begins(60));
  CHECK(!begins(101));
  CHECK(begins(50));
  pass(399);
  CHECK(!begins(101));  // again, so soon
  CHECK(begins(50));
  pass(400);
  CHECK(begins(101));
}

TEST_CASE_FIXTURE(with_watch, "nobody is let in as long as the others have to wait for long") {
  watch.entered();
  watch.entered();
  CHECK(watch.lets_in());
  CHECK(begins(60));
  pass(100);
  CHECK(begins(60));
  CHECK(!watch.lets_in());
  watch.turned_away();
  CHECK(!watch.lets_in());
  watch.turned_away();
  CHECK(watch.lets_in());  // as nobody waits
}

TEST_CASE_FIXTURE(with_watch, "what takes long may be waited for longer") {
  for (int i = 0; i < 100; ++i) watch.ended(queue_watch::now() - std::chrono::seconds(10));
  CHECK(begins(60'000));
  pass(100'000);
  CHECK(begins(60'000));
  CHECK(!begins(150'000));
}

TEST_CASE_FIXTURE(with_watch, "what was long ago says nothing of a lane that has been idle since") {
  CHECK(begins(3000));
  pass(3'600'000);
  CHECK(begins(3000));
  CHECK(watch.lets_in());
}

TEST_CASE("without a longest wait, everybody waits") {
  queue_watch watch{aft::duration()};
  const queue_watch::moment now{std::chrono::hours(100)};
  for (int i = 0; i < 3; ++i) {
    watch.entered();
    CHECK(watch.begins(now - std::chrono::hours(90), now + std::chrono::hours(i)));
  }
  CHECK(watch.lets_in());
}
