#include <aft/ground/cache.hpp>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <aft/ground/error.hpp>

namespace {

struct with_cache {
  aft::manual_clock time;
  aft::cache<std::string> texts{{.max_entries = 3, .max_bytes = 10'000}, time};
  int loads = 0;

  std::string get(const std::string& key, std::initializer_list<std::string_view> tags = {}) {
    return texts.get(
        key, [&] { return key + std::to_string(++loads); }, tags);
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_cache, "a value is made once, until its time is over") {
  CHECK(get("a") == "a1");
  CHECK(get("a") == "a1");
  CHECK(texts.find("a") == "a1");
  CHECK(!texts.find("b"));
  time.advance(aft::minutes(5) - aft::milliseconds(1));
  CHECK(get("a") == "a1");
  time.advance(aft::milliseconds(1));
  CHECK(!texts.find("a"));
  CHECK(get("a") == "a2");
}

TEST_CASE_FIXTURE(with_cache, "what was not asked for the longest goes first") {
  get("a"), get("b"), get("c"), get("a"), get("d");
  CHECK(texts.size() == 3);
  CHECK(!texts.find("b"));
  CHECK(texts.find("a"));
  CHECK(texts.find("c"));
}

TEST_CASE_FIXTURE(with_cache,
                  "there are never more bytes than agreed, nor a value that is too large") {
  auto large = [&](const std::string& key, std::size_t size) {
    return texts.get(key, [&] { return std::string(size, 'x'); }).size();
  };
  CHECK(large("a", 6000) == 6000);
  CHECK(large("b", 3000) == 3000);
  CHECK(texts.size() == 2);
  CHECK(large("c", 5000) == 5000);
  CHECK(!texts.find("a"));
  CHECK(large("d", 20'000) == 20'000);
  CHECK(!texts.find("d"));
  CHECK(texts.find("c"));
}

TEST_CASE_FIXTURE(with_cache, "values are erased by key, by tag and all at once") {
  get("a", {"x"}), get("b", {"x", "y", "y"}), get("c", {"y"});
  texts.erase_tag("x");
  CHECK(!texts.find("a"));
  CHECK(!texts.find("b"));
  CHECK(texts.find("c"));
  texts.erase_tag("x");
  texts.erase_tag("nothing");
  texts.erase("c");
  texts.erase("c");
  CHECK(texts.size() == 0);
  get("a", {"x"});
  texts.clear();
  CHECK(texts.size() == 0);
  CHECK(get("a", {"x"}) == "a5");
  texts.erase_tag("x");
  CHECK(!texts.find("a"));
}

TEST_CASE_FIXTURE(with_cache, "what a loader throws is thrown, and not kept") {
  CHECK_THROWS_AS(texts.get("a", []() -> std::string { throw std::logic_error("no"); }),
                  std::logic_error);
  CHECK(get("a") == "a1");
}

TEST_CASE_FIXTURE(with_cache, "a loader gets others, but not itself") {
  CHECK(texts.get("outer", [&] { return "<" + get("inner") + ">"; }) == "<inner1>");
  CHECK_THROWS_AS(texts.get("self", [&] { return get("self"); }), aft::error);
  CHECK(get("self") == "self2");
}

TEST_CASE_FIXTURE(with_cache, "what is erased while it is loaded is not kept") {
  for (int how = 0; how < 3; ++how) {
    const auto got = texts.get("a",
                               [&] {
                                 if (how == 0) texts.erase("a");
                                 if (how == 1) texts.erase_tag("x");
                                 if (how == 2) texts.clear();
                                 return std::string("old");
                               },
                               {"x"});
    CHECK(got == "old");
    CHECK(!texts.find("a"));
  }
  CHECK(get("a") == "a1");
}

TEST_CASE("of many who want one value at once, one loads it") {
  aft::clock time;
  aft::cache<std::string> texts({}, time);
  std::atomic<int> loads{0}, asking{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      ++asking;
      CHECK(texts.get("a", [&] {
        while (asking < 8) std::this_thread::yield();  // so that the others are about to wait
        ++loads;
        return std::string("a");
      }) == "a");
    });
  }
  for (auto& t : threads) t.join();
  CHECK(loads == 1);
}

TEST_CASE("a failure is that of all who wait for it") {
  aft::clock time;
  aft::cache<int> numbers({}, time);
  std::atomic<int> loads{0}, failures{0};
  std::atomic<bool> loading{false}, go{false};
  std::vector<std::exception_ptr> kept(4);  // until the threads have ended
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      while (t > 0 && !loading) std::this_thread::yield();
      try {
        numbers.get("a", [&]() -> int {
          ++loads;
          loading = true;
          while (!go) std::this_thread::yield();
          throw std::runtime_error("no");
        });
      } catch (const std::runtime_error&) {
        kept[t] = std::current_exception();
        ++failures;
      }
    });
  }
  while (!loading) std::this_thread::yield();
  go = true;
  for (auto& t : threads) t.join();
  CHECK(failures == 4);
  CHECK(loads >= 1);
  CHECK(numbers.get("a", [] { return 7; }) == 7);
}

TEST_CASE("threads that get, erase and evict never see a value of another key") {
  aft::clock time;
  aft::cache<std::string> texts({.max_entries = 5}, time);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const auto key = std::to_string((i * (t + 3)) % 9);
        const auto tag = "tag" + std::to_string(i % 3);
        CHECK(texts.get(key, [&] { return key + "!"; }, {tag}) == key + "!");
        if (i % 7 == t) texts.erase(key);
        if (i % 11 == t) texts.erase_tag(tag);
        if (i % 501 == 500) texts.clear();
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(texts.size() <= 5);
}

TEST_CASE("a value may use the cache when it goes") {
  struct goes {
    aft::cache<int>* numbers;
    explicit goes(aft::cache<int>* n) : numbers(n) {}
    goes(goes&& other) noexcept : numbers(std::exchange(other.numbers, nullptr)) {}
    goes(const goes&) = default;
    ~goes() {
      if (numbers) numbers->erase("a");
    }
  };
  aft::clock time;
  aft::cache<int> numbers({}, time);
  aft::cache<goes> going({.max_entries = 1}, time);
  numbers.get("a", [] { return 1; });
  going.get("a", [&] { return goes(&numbers); });
  going.get("b", [] { return goes(nullptr); });
  CHECK(!numbers.find("a"));
}
