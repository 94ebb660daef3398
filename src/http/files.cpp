#include <aft/http/files.hpp>

#include <fcntl.h>

#include <memory>
#include <optional>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/ground/query_string.hpp>
#include <aft/http/routes.hpp>

#include "accept.hpp"
#include "content.hpp"
#include "media_type.hpp"

namespace aft {

using http::call;
using http::directory;
using http::open_file;
using http::stored_content;

file&& file::type(std::string content_type) && {
  content_type_ = std::move(content_type);
  return std::move(*this);
}
file&& file::download_as(std::string name) && {
  download_as_ = std::move(name);
  return std::move(*this);
}
file&& file::cached(std::string cache_control) && {
  cache_control_ = std::move(cache_control);
  return std::move(*this);
}

void file::answer(call& c) && {
  open_file opened(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!opened) return http::reply_missing(c);
  if (!download_as_.empty()) {  // RFC 6266, with both forms
    add_header(c.answer, "Content-Disposition",
               "attachment; filename*=UTF-8''" + percent_encode(download_as_));
  }
  stored_content content{.type = content_type_.empty() ? http::media_type_of(path_) : content_type_,
                         .etag = opened.etag(""),
                         .changed_at = opened.changed_at(),
                         .cache_control = cache_control_};
  content.file = std::move(opened);
  http::reply_content(c, std::move(content));
}

namespace {

struct variant {
  std::string_view encoding, suffix;
};
constexpr variant variants[] = {{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}};

bool has_hidden_name(std::string_view path) {
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    const auto name = path.substr(at, end - at);
    if (name.starts_with('.') && name != ".well-known") return true;
    at = end + 1;
  }
  return false;
}

bool looks_like_a_page(std::string_view path) {
  return path.substr(path.rfind('/') + 1).find('.') == path.npos;
}

// Whatever files come from.
class file_set {
 public:
  explicit file_set(file_options options) : options_(std::move(options)) {}
  file_set(const file_set&) = delete;
  file_set& operator=(const file_set&) = delete;
  virtual ~file_set() = default;

  void answer(call& c, std::string path) const {
    if (path.empty() && c.head.target[c.head.path_length - 1] != '/') {
      return redirect_to_directory(c);
    }
    if (!options_.dot_files && has_hidden_name(path)) return http::reply_missing(c);
    const bool wants_index = path.empty() || path.ends_with('/');
    if (wants_index) path += options_.index;
    if (!wants_index || !options_.index.empty()) {
      switch (send(c, path)) {
        case directory::found::file: return;
        case directory::found::directory:
          if (!wants_index) return redirect_to_directory(c);
          break;
        case directory::found::nothing: break;
      }
    }
    if (options_.single_page && looks_like_a_page(wants_index ? "" : path) &&
        send(c, options_.index) == directory::found::file) {
      return;
    }
    http::reply_missing(c);
  }

 protected:
  virtual directory::found find(const std::string& path, stored_content& content,
                                std::string_view variant) const = 0;

 private:
  directory::found send(call& c, const std::string& path) const {
    stored_content content{.type = http::media_type_of(path),
                           .cache_control = options_.cache_control};
    const auto what = find(path, content, "");
    if (what != directory::found::file) return what;
    if (options_.precompressed) choose_variant(c, path, content);
    http::reply_content(c, std::move(content));
    return what;
  }

  void choose_variant(const call& c, const std::string& path, stored_content& content) const {
    std::string_view offered[std::size(variants) + 1];
    stored_content there[std::size(variants)];
    std::size_t count = 0;
    for (const auto& v : variants) {
      auto& other = there[count];
      other = stored_content{.type = content.type};
      if (find(path + std::string(v.suffix), other, v.encoding) != directory::found::file) continue;
      if (content.changed_at && *other.changed_at < *content.changed_at) continue;  // out of date
      other.encoding = v.encoding;
      other.cache_control = content.cache_control;
      offered[count++] = v.encoding;
    }
    if (!count) return;
    offered[count] = "identity";
    const auto chosen = http::choose_encoding(c.incoming.header("Accept-Encoding"),
                                              http::offers(offered, count + 1));
    if (chosen && *chosen < count) content = std::move(there[*chosen]);
    content.varies = true;
  }

  static void redirect_to_directory(call& c) {
    const auto& head = c.head;
    std::string location(head.target.substr(0, head.path_length));
    location += '/';
    location += head.target.substr(head.path_length);
    if (location.starts_with("//") || location.find('\\') != location.npos) {
      return http::reply_missing(c);
    }
    c.answer.status = 308;
    add_header(c.answer, "Location", location);
  }

  file_options options_;
};

class directory_files final : public file_set {
 public:
  directory_files(const std::string& path, file_options options)
      : file_set(std::move(options)), directory_(path) {}

 private:
  directory::found find(const std::string& path, stored_content& content,
                        std::string_view variant) const override {
    const auto what = directory_.open(path, content.file);
    if (what == directory::found::file) {
      content.etag = content.file.etag(variant);
      content.changed_at = content.file.changed_at();
    }
    return what;
  }
  directory directory_;
};

class embedded_files final : public file_set {
 public:
  embedded_files(std::span<const embedded_file> files, file_options options)
      : file_set(std::move(options)), files_(files) {}

 private:
  directory::found find(const std::string& path, stored_content& content,
                        std::string_view) const override {
    for (const auto& f : files_) {
      if (f.path == path) {
        content.bytes = f.content;
        content.etag = f.etag;
        return directory::found::file;
      }
      if (f.path.size() > path.size() && f.path.starts_with(path) && f.path[path.size()] == '/') {
        return directory::found::directory;
      }
    }
    return directory::found::nothing;
  }
  std::span<const embedded_file> files_;
};

// What the handler of a set of files returns.
struct one_of {
  const file_set* set;
  std::string path;
  static constexpr http::result_info answer_info{http::content::custom, nullptr, 200, false};
  void answer(call& c) && { set->answer(c, std::move(path)); }
};

void add_files(const routes& where, bool at_root, std::shared_ptr<const file_set> set) {
  auto at = where;
  at.get("/{path...}", [set](std::string path) {
      return one_of{set.get(), std::move(path)};
    }).hidden();
  if (at_root) return;
  at.get("/", [set] { return one_of{set.get(), ""}; }).hidden();
}

}  // namespace

void routes::files(std::string_view prefix, const std::string& path, file_options options) const {
  add_files(prefix == "/" ? *this : group(prefix), prefix == "/",
            std::make_shared<directory_files>(path, std::move(options)));
}

void routes::files(std::string_view prefix, std::span<const embedded_file> files_in_program,
                   file_options options) const {
  add_files(prefix == "/" ? *this : group(prefix), prefix == "/",
            std::make_shared<embedded_files>(files_in_program, std::move(options)));
}

}  // namespace aft
