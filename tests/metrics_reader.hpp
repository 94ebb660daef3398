#pragma once
// Reads metrics as strictly as their formats say: Prometheus text 0.0.4, and OpenMetrics 1.0.

#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

// A sample by its name and labels: "http_requests_total{method=\"GET\"}".
using samples = std::map<std::string, double>;

class metrics_reader {
 public:
  static samples read(const std::string& text, bool is_open = false) {
    metrics_reader reader(is_open);
    std::size_t at = 0;
    while (at < text.size()) {
      const auto end = text.find('\n', at);
      if (end == text.npos) throw std::runtime_error("the last line does not end");
      reader.line(text.substr(at, end - at));
      at = end + 1;
    }
    reader.end_family();
    if (is_open && !reader.ended_) throw std::runtime_error("no # EOF");
    return reader.all_;
  }

 private:
  explicit metrics_reader(bool is_open) : is_open_(is_open) {}

  [[noreturn]] static void refuse(const std::string& why, const std::string& line) {
    throw std::runtime_error(why + ": " + line);
  }

  void line(const std::string& l) {
    static const std::regex help("# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)");
    static const std::regex type("# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)");
    static const std::regex unit("# UNIT ([a-zA-Z_:][a-zA-Z0-9_:]*) ([a-z]+)");
    static const std::regex sample(
        "([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{((?:[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\\\\n]|\\\\[n\"\\\\]"
        ")*\",?)*)\\})? (\\S+)");
    if (ended_) refuse("a line behind # EOF", l);
    std::smatch m;
    if (is_open_ && l == "# EOF") ended_ = true;
    else if (std::regex_match(l, m, help)) begin_family(m[1], l);
    else if (std::regex_match(l, m, type)) set_type(m[1], m[2], l);
    else if (std::regex_match(l, m, unit)) check_unit(m[1], m[2], l);
    else if (std::regex_match(l, m, sample)) add(m[1], m[2], m[3], l);
    else refuse("no line of the format", l);
  }

  void begin_family(const std::string& name, const std::string& l) {
    end_family();
    if (!families_.insert(name).second) refuse("a metric in two places", l);
    family_ = name;
    type_.clear();
  }
  void set_type(const std::string& name, const std::string& type, const std::string& l) {
    if (name != family_ || !type_.empty()) refuse("a type without its help", l);
    type_ = type;
    const bool total = name.ends_with("_total");
    if (total != (type == "counter" && !is_open_)) refuse("_total is for counters", l);
  }
  void check_unit(const std::string& name, const std::string& unit, const std::string& l) {
    if (!is_open_ || name != family_ || !name.ends_with("_" + unit)) refuse("a wrong unit", l);
  }

  void add(const std::string& name, const std::string& labels, const std::string& value,
           const std::string& l) {
    if (type_.empty()) refuse("a sample without a type", l);
    if (!labels.empty() && labels.back() == ',') refuse("a comma too many", l);
    char* end = nullptr;
    const double number = std::strtod(value.c_str(), &end);
    if (*end) refuse("no number", l);
    const auto key = labels.empty() ? name : name + "{" + labels + "}";
    if (!all_.emplace(key, number).second) refuse("a sample twice", l);
    if (type_ == "histogram") return add_part(name, labels, number, l);
    const auto wanted = type_ == "counter" && is_open_ ? family_ + "_total" : family_;
    if (name != wanted) refuse("a sample of another metric", l);
    if (type_ == "counter" && !(number >= 0)) refuse("a counter below zero", l);
  }

  // The buckets grow up to that of all, which is the count.
  void add_part(const std::string& name, const std::string& labels, double number,
                const std::string& l) {
    if (name == family_ + "_sum") return;
    if (name == family_ + "_count") {
      if (!infinite_ || *infinite_ != number) refuse("a count that is not that of +Inf", l);
      infinite_.reset();
      return;
    }
    const auto le = labels.rfind("le=\"");
    if (name != family_ + "_bucket" || le == labels.npos) refuse("no part of a histogram", l);
    const auto bound = labels.substr(le + 4, labels.size() - le - 5);
    const double at = bound == "+Inf" ? HUGE_VAL : std::strtod(bound.c_str(), nullptr);
    const auto of = labels.substr(0, le);
    if (of == bucket_of_ && (at <= bucket_ || number < in_bucket_)) refuse("buckets shrink", l);
    bucket_of_ = of, bucket_ = at, in_bucket_ = number;
    if (bound == "+Inf") {
      infinite_ = number;
      bucket_of_ = "\n";
    }
  }
  void end_family() {
    if (infinite_) throw std::runtime_error("a histogram without its count: " + family_);
    bucket_of_ = "\n";
  }

  const bool is_open_;
  bool ended_ = false;
  std::set<std::string> families_;
  std::string family_, type_, bucket_of_ = "\n";
  double bucket_ = 0, in_bucket_ = 0;
  std::optional<double> infinite_;
  samples all_;
};
