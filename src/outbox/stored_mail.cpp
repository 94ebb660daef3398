#include <cstring>

#include "mail_job.hpp"

namespace aft::outbox {
namespace {

std::vector<stored_address> stored_list(const std::vector<mail_address>& all) {
  std::vector<stored_address> out;
  for (const auto& a : all) out.push_back({a.address, a.name});
  return out;
}

std::vector<mail_address> address_list(std::vector<stored_address>&& all) {
  std::vector<mail_address> out;
  for (auto& a : all) out.emplace_back(std::move(a.address), std::move(a.name));
  return out;
}

}  // namespace

stored_mail to_stored(const mail& m) {
  stored_mail s{{m.from.address, m.from.name},
                stored_list(m.to),
                stored_list(m.cc),
                stored_list(m.bcc),
                stored_list(m.reply_to),
                m.subject,
                m.text,
                m.html,
                {},
                {}};
  for (const auto& a : m.attachments) {
    std::vector<std::byte> bytes(a.content.size());
    if (!bytes.empty()) std::memcpy(bytes.data(), a.content.data(), bytes.size());
    s.attachments.push_back({a.file_name, a.content_type, std::move(bytes)});
  }
  for (const auto& [name, value] : m.headers) s.headers.push_back({name, value});
  return s;
}

mail from_stored(stored_mail&& s) {
  mail m{{std::move(s.from.address), std::move(s.from.name)},
         address_list(std::move(s.to)),
         address_list(std::move(s.cc)),
         address_list(std::move(s.bcc)),
         address_list(std::move(s.reply_to)),
         std::move(s.subject),
         std::move(s.text),
         std::move(s.html),
         {},
         {}};
  for (auto& a : s.attachments) {
    std::string content(reinterpret_cast<const char*>(a.content.data()), a.content.size());
    m.attachments.push_back(
        {std::move(a.file_name), std::move(a.content_type), std::move(content)});
  }
  for (auto& h : s.headers) m.headers.emplace_back(std::move(h.name), std::move(h.value));
  return m;
}

}  // namespace aft::outbox
