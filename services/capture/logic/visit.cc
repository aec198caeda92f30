#include "services/capture/logic/visit.h"

#include <array>

#include "common/text/unicode.h"
#include "services/capture/logic/field_map.h"

namespace embudo::capture::logic {
namespace {

using type::v1::Touch;

constexpr std::array<std::string_view, 10> kClickIds = {"gclid",   "gbraid", "wbraid", "dclid",     "fbclid",
                                                        "msclkid", "ttclid", "twclid", "li_fat_id", "epik"};
constexpr size_t kMaxName = 200;
constexpr size_t kMaxUri = 4000;
constexpr size_t kMaxClickId = 500;

bool HasUtm(const Touch& touch) {
  return !touch.source().empty() || !touch.medium().empty() || !touch.campaign().empty();
}

/// The parameters of one place: a source of one and a medium of another would be nobody's.
void ReadUtm(const FormFields& fields, Touch* touch) {
  touch->set_source(text::CutText(fields.Get("utm_source"), kMaxName));
  touch->set_medium(text::CutText(fields.Get("utm_medium"), kMaxName));
  touch->set_campaign(text::CutText(fields.Get("utm_campaign"), kMaxName));
}

void ReadClickIds(const FormFields& fields, Touch* touch) {
  for (const std::string_view name : kClickIds) {
    const std::string& id = fields.Get(name);
    const std::string key(name);
    if (id.empty() || touch->click_ids().contains(key) || touch->click_ids_size() >= 10) continue;
    (*touch->mutable_click_ids())[key] = text::CutText(id, kMaxClickId);
  }
}

}  // namespace

std::string_view QueryOf(std::string_view uri) {
  uri = uri.substr(0, uri.find('#'));
  const size_t question = uri.find('?');
  return question == std::string_view::npos ? "" : uri.substr(question + 1);
}

void CompleteTouch(const FormFields& fields, const Visit& visit, Touch* touch) {
  if (touch->landing_page().empty()) {
    const std::string& landing = fields.Get("landing_page");
    touch->set_landing_page(text::CutText(landing.empty() ? visit.page : landing, kMaxUri));
  }
  if (touch->referrer().empty()) touch->set_referrer(text::CutText(fields.Get("referrer"), kMaxUri));
  const auto read = [&](const FormFields& from) {
    if (!HasUtm(*touch)) ReadUtm(from, touch);
    ReadClickIds(from, touch);
  };
  read(fields);
  for (const std::string_view query :
       {std::string_view(visit.query), QueryOf(touch->landing_page()), QueryOf(visit.page)}) {
    FormFields parameters;
    // One with hundreds of parameters: those before count.
    ParseQuery(query, &parameters).IgnoreError();
    read(parameters);
  }
}

}  // namespace embudo::capture::logic
