#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/text/unicode.h"
#include "services/automation/mail/template.h"

namespace {

using embudo::Day;
using embudo::automation::v1::MailTemplate;
using embudo::type::v1::Lead;
namespace mail = embudo::automation::mail;

void Require(bool condition) {
  if (!condition) std::abort();
}

Lead MakeLead() {
  Lead lead;
  lead.set_name("leads/1");
  lead.set_display_name("<b>Deal</b> & \"more\"");
  lead.set_contact_name("Ada");
  lead.mutable_expected_revenue()->set_units(12);
  lead.mutable_expected_revenue()->set_currency_code("EUR");
  return lead;
}

}  // namespace

/// Any text as a template: it is refused with a place, or it is filled in within the limits, and its HTML is clean.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  // The adapter lets nothing else in.
  if (!embudo::text::IsUtf8(text) || text.find('\0') != std::string::npos) return 0;
  MailTemplate source;
  source.set_subject("s");
  source.set_text_body(text);
  source.set_html_body(text);
  if (!mail::CheckTemplate(source).ok()) return 0;
  const auto compiled = mail::Template::Compile(source, "");
  Require(compiled.ok());
  const Lead lead = MakeLead();
  const mail::Records none;
  const auto rendered = compiled->Render({lead, "", none, "https://example.com/u/1", Day(), "UTC"});
  if (!rendered.ok()) return 0;
  Require(embudo::text::IsUtf8(rendered->text) && embudo::text::IsUtf8(rendered->html));
  Require(rendered->html.size() <= mail::kMaxHtmlBytes && rendered->html.find("<script") == std::string::npos);
  return 0;
}
