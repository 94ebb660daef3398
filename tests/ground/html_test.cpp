#include <ground/html.hpp>

#include <doctest/doctest.h>

TEST_CASE("text in HTML stays text, between tags and in attributes of either quotes") {
  CHECK(aft::detail::html_text(R"(<a href="x" title='y'>&amp;</a>)") ==
        "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;");
  CHECK(aft::detail::html_text("").empty());
  CHECK(aft::detail::html_text("äöü") == "äöü");
}
