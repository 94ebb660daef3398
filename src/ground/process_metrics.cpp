#include "process_metrics.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

namespace aft::detail {
namespace {

std::string read_small_file(const char* path) {
  std::string text(4096, '\0');
  auto* file = std::fopen(path, "re");
  if (!file) return {};
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

void collect_cpu(metric_sink& to) {
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) != 0) return;
  const metric cpu{"process.cpu.time", "CPU time of the process.", "s"};
  const auto seconds = [](const timeval& t) { return double(t.tv_sec) + double(t.tv_usec) / 1e6; };
  to.count(cpu, {{"cpu.mode", "user"}}, seconds(used.ru_utime));
  to.count(cpu, {{"cpu.mode", "system"}}, seconds(used.ru_stime));
}

void collect_descriptors(metric_sink& to) {
  auto* folder = ::opendir("/proc/self/fd");
  if (!folder) return;
  int count = -1;  // without its own
  while (const auto* entry = ::readdir(folder)) count += entry->d_name[0] != '.';
  ::closedir(folder);
  to.level({"process.open_file_descriptors", "Open file descriptors.", "{file_descriptor}"}, {},
           count);
}

void collect_stat(metric_sink& to) {
  const auto text = read_small_file("/proc/self/stat");
  const auto name_end = text.rfind(')');  // the name may hold anything
  if (name_end == text.npos) return;
  long threads = 0, pages = 0;
  unsigned long long started = 0;
  const auto* rest = text.c_str() + name_end + 1;
  if (std::sscanf(rest,
                  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld %*d "
                  "%llu %*u %ld",
                  &threads, &started, &pages) != 3) {
    return;
  }
  to.level({"process.threads", "Threads of the process.", "{thread}"}, {}, double(threads));
  to.level({"process.memory.usage", "Physical memory that the process uses.", "By"}, {},
           double(pages) * double(::sysconf(_SC_PAGESIZE)));
  double since_boot = 0;
  if (std::sscanf(read_small_file("/proc/uptime").c_str(), "%lf", &since_boot) != 1) return;
  to.level({"process.uptime", "Time since the process began.", "s"}, {},
           since_boot - double(started) / double(::sysconf(_SC_CLK_TCK)));
}

}  // namespace

void collect_process(metric_sink& to) {
  collect_cpu(to);
  collect_descriptors(to);
  collect_stat(to);
}

}  // namespace aft::detail
