#include "services/capture/mail/headers.h"

#include <algorithm>

#include "common/text/unicode.h"
#include "services/capture/mail/charset.h"
#include "services/capture/mail/encoded_words.h"

namespace embudo::capture::mail {
namespace {

constexpr size_t kMaxIdBytes = 998;
constexpr int kMaxReferences = 50;
constexpr size_t kMaxSubject = 998;
/// Of one header, kept for looking at it.
constexpr size_t kMaxHeader = 10000;
constexpr size_t kMaxHeaders = 500;

void Collect(InternetAddressList* list, int depth, size_t most, std::vector<Address>* out) {
  const int length = internet_address_list_length(list);
  for (int i = 0; i < length && out->size() < most; ++i) {
    InternetAddress* one = internet_address_list_get_address(list, i);
    if (INTERNET_ADDRESS_IS_GROUP(one)) {
      InternetAddressList* members = internet_address_group_get_members(INTERNET_ADDRESS_GROUP(one));
      if (members != nullptr && depth < 2) Collect(members, depth + 1, most, out);
      continue;
    }
    if (!INTERNET_ADDRESS_IS_MAILBOX(one)) continue;
    Address address;
    address.name = text::CutText(CleanUtf8(std::string(View(internet_address_get_name(one)))), 300);
    address.address = text::CutText(
        CleanUtf8(std::string(View(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one))))), 500);
    if (!address.address.empty() || !address.name.empty()) out->push_back(std::move(address));
  }
}

/// What the grammar takes for an address and has white space in it: the last word with an @ is one.
void Mend(Address& address) {
  const std::string& text = address.address;
  if (text.ends_with("<>")) {
    address = {DecodeText(text.substr(0, text.size() - 2)), ""};
    return;
  }
  const size_t at = text.rfind('@');
  if (at == std::string::npos || text.find(' ') == std::string::npos) return;
  const size_t before = text.find_last_of(" <", at);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  const size_t end = std::min(text.find_first_of(" >", at), text.size());
  std::string name = text.substr(0, begin);
  while (!name.empty() && std::string_view(" <\"").find(name.back()) != std::string_view::npos) name.pop_back();
  if (address.name.empty() && name.find('@') == std::string::npos) address.name = name;
  address.address = text.substr(begin, end - begin);
}

std::vector<Address> AddressesOf(GMimeObject* message, const char* name, const Limits& limits) {
  std::vector<Address> out;
  const std::string raw(RawHeader(message, name));
  if (raw.empty()) return out;
  const Ref<InternetAddressList> list(internet_address_list_parse(ParserOptions(), JoinWords(raw).c_str()));
  if (list) Collect(list.get(), 0, static_cast<size_t>(limits.addresses), &out);
  if (out.empty()) {
    // No address that the grammar knows: what is there, as it is.
    out.push_back({"", text::CutText(DecodeText(raw), 500)});
  }
  for (Address& address : out) Mend(address);
  std::erase_if(out, [](const Address& address) { return address.address.empty() && address.name.empty(); });
  return out;
}

std::vector<std::string> IdsIn(GMimeObject* message, const char* name) {
  std::vector<std::string> ids;
  const std::string raw(RawHeader(message, name));
  if (raw.find('<') == std::string::npos) {
    for (size_t at = raw.find_first_not_of(" \t\r\n"); at != std::string::npos;) {
      const size_t end = std::min(raw.find_first_of(" \t\r\n", at), raw.size());
      std::string id = MessageIdOf(raw.substr(at, end - at));
      if (id.find('@') != std::string::npos) ids.push_back(std::move(id));
      at = raw.find_first_not_of(" \t\r\n", end);
    }
    return ids;
  }
  for (size_t at = raw.find('<'); at != std::string::npos; at = raw.find('<', at + 1)) {
    const size_t end = raw.find('>', at);
    if (end == std::string::npos) break;
    std::string id = MessageIdOf(raw.substr(at, end - at + 1));
    if (!id.empty()) ids.push_back(std::move(id));
    // The last are the nearest.
    if (ids.size() > kMaxReferences) ids.erase(ids.begin());
    at = end;
  }
  return ids;
}

}  // namespace

std::string MessageIdOf(std::string_view raw) {
  const size_t open = raw.find('<');
  const size_t close = open == std::string_view::npos ? open : raw.find('>', open);
  std::string_view inner = close == std::string_view::npos ? raw : raw.substr(open + 1, close - open - 1);
  std::string id;
  for (const char c : inner) {
    if (static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '<' && c != '>') id += c;
  }
  id = CleanUtf8(std::move(id));
  return id.size() > kMaxIdBytes ? std::string() : id;
}

void ReadHeaders(GMimeMessage* message, const Limits& limits, Mail& mail) {
  GMimeObject* object = GMIME_OBJECT(message);
  GMimeHeaderList* list = g_mime_object_get_header_list(object);
  const int count = g_mime_header_list_get_count(list);
  for (int i = 0; i < count && mail.headers.size() < kMaxHeaders; ++i) {
    GMimeHeader* header = g_mime_header_list_get_header_at(list, i);
    std::string name = CleanUtf8(std::string(View(g_mime_header_get_name(header))));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const std::string_view raw = View(g_mime_header_get_raw_value(header));
    mail.headers.push_back({std::move(name), text::CutText(DecodeText(raw.substr(0, kMaxHeader)), kMaxHeader)});
  }
  mail.message_id = MessageIdOf(RawHeader(object, "Message-ID"));
  mail.in_reply_to = IdsIn(object, "In-Reply-To");
  mail.references = IdsIn(object, "References");
  mail.from = AddressesOf(object, "From", limits);
  mail.reply_to = AddressesOf(object, "Reply-To", limits);
  mail.to = AddressesOf(object, "To", limits);
  mail.cc = AddressesOf(object, "Cc", limits);
  mail.subject = text::CutText(std::string(mail.HeaderValue("subject")), kMaxSubject);
  const std::string date(RawHeader(object, "Date"));
  GDateTime* decoded = date.empty() ? nullptr : g_mime_utils_header_decode_date(date.c_str());
  if (decoded != nullptr) {
    mail.date = Time(std::chrono::seconds(g_date_time_to_unix(decoded)));
    g_date_time_unref(decoded);
  } else if (!date.empty()) {
    mail.defects.emplace_back("the date is none");
  }
  if (mail.from.empty()) mail.defects.emplace_back("no sender");
}

}  // namespace embudo::capture::mail
