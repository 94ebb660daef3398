#include <aft/ground/text_template.hpp>

#include <doctest/doctest.h>

#include <aft/ground/error.hpp>
#include <aft/ground/time.hpp>

namespace {

enum class colour { red, green };

struct item {
  std::string title;
  int count;
};
struct customer {
  std::string name;
  std::optional<std::string> company;
};
struct order {
  std::int64_t id = 7;
  customer buyer{"Ada <a@b>", {}};
  std::vector<item> items{{"Tea", 2}, {"Milk & more", 1}};
  std::vector<std::string> tags{"x", "y"};
  bool is_gift = false;
  double price = 1.5;
  colour paint = colour::green;
  aft::time_point at{aft::seconds(0)};
  std::optional<customer> sender{};
};

std::string rendered(std::string_view text, const order& o = {},
                     aft::escaping how = aft::escaping::none) {
  return aft::text_template<order>(text, how).render(o);
}

std::string refused(std::string_view text) {
  try {
    aft::text_template<order> t(text);
  } catch (const aft::configuration_error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("fields of a struct stand in the places that name them") {
  CHECK(rendered("Order {{id}} for {{ buyer.name }}: {{price}} {{paint}} {{at}} {{is_gift}}") ==
        "Order 7 for Ada <a@b>: 1.5 green 1970-01-01T00:00:00Z false");
  CHECK(rendered("") == "");
  CHECK(rendered("{ } }} {x}") == "{ } }} {x}");
}

TEST_CASE("in HTML values are escaped, unless the text says that they are HTML") {
  order o;
  o.buyer.name = R"(<b>"A" & 'B'</b>)";
  CHECK(rendered("<p>{{buyer.name}}</p>", o, aft::escaping::html) ==
        "<p>&lt;b&gt;&quot;A&quot; &amp; &#39;B&#39;&lt;/b&gt;</p>");
  CHECK(rendered("{{{buyer.name}}}", o, aft::escaping::html) == o.buyer.name);
  o.buyer.name = "{{id}}";  // is not looked at again
  CHECK(rendered("{{buyer.name}}", o) == "{{id}}");
}

TEST_CASE("sections are for items, for what is there and for what is true") {
  CHECK(rendered("{{#items}}- {{count}} {{title}}\n{{/items}}") == "- 2 Tea\n- 1 Milk & more\n");
  CHECK(rendered("{{#tags}}[{{.}}]{{/tags}}{{^tags}}none{{/tags}}") == "[x][y]");
  order o;
  o.tags.clear();
  CHECK(rendered("{{#tags}}[{{.}}]{{/tags}}{{^tags}}none{{/tags}}", o) == "none");
  const auto* gift = "{{#is_gift}}gift {{id}}{{/is_gift}}{{^is_gift}}no gift{{/is_gift}}";
  CHECK(rendered(gift, o) == "no gift");
  o.is_gift = true;
  CHECK(rendered(gift, o) == "gift 7");
  const auto* sender = "{{#sender}}by {{name}}{{/sender}}{{^sender}}by nobody{{/sender}}";
  CHECK(rendered(sender, o) == "by nobody");
  CHECK(rendered("[{{sender.name}}{{buyer.company}}]", o) == "[]");
  o.sender = customer{"Bob", "Ink"};
  CHECK(rendered(sender, o) == "by Bob");
  CHECK(rendered("{{sender.company}}", o) == "Ink");
}

TEST_CASE("what a struct does not have is told when the template is made, with its line") {
  CHECK(refused("a\n{{nobody}}") == "template, line 2: there is no \"nobody\" in order");
  CHECK(refused("{{buyer.age}}") == "template, line 1: there is no \"buyer.age\" in order");
  CHECK(refused("{{#items}}{{id}}{{/items}}") == "template, line 1: there is no \"id\" in item");
  for (const auto* text :
       {"{{", "{{id", "{{id}", "{{{id}}", "{{}}", "{{ }}", "{{.}}", "{{#items}}", "{{/items}}",
        "{{#items}}{{/tags}}", "{{#items}}{{#items}}{{/items}}{{/items}}", "{{#id}}{{/id}}",
        "{{items}}", "{{buyer}}", "{{id.x}}", "{{#}}{{/}}", "{{buyer..name}}", "{{.id}}"}) {
    CAPTURE(text);
    CHECK(refused(text).starts_with("template, line 1: "));
  }
}
