#include "services/automation/mail/template.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "common/markup/html.h"
#include "common/text/unicode.h"
#include "services/automation/mail/template_read.h"
#include "services/automation/mail/template_value.h"

namespace embudo::automation::mail {
namespace {

using Part = Template::Part;

absl::StatusOr<std::vector<Part>> CompileText(const std::string& source, const std::string& field, bool html) {
  EMBUDO_ASSIGN_OR_RETURN(std::vector<Piece> pieces, ParsePieces(source, field, html));
  std::vector<Part> parts;
  for (Piece& piece : pieces) {
    Part& part = parts.emplace_back();
    part.text = std::move(piece.text);
    if (!piece.placeholder) continue;
    part.filled = true;
    part.written = piece.placeholder->text;
    std::string wrong;
    if (!BindPath(piece.placeholder->path, part.path, wrong)) {
      return TemplateError(source, piece.placeholder->position, field, wrong);
    }
    ValueKind kind = part.path.kind;
    for (const FilterCall& filter : piece.placeholder->filters) {
      wrong = CheckFilter(filter, kind);
      if (!wrong.empty()) return TemplateError(source, piece.placeholder->position, field, wrong);
    }
    part.filters = std::move(piece.placeholder->filters);
  }
  return parts;
}

absl::Status TooLarge(const std::string& what, size_t most) {
  return Error(absl::StatusCode::kFailedPrecondition, "RENDERED_TOO_LARGE",
               "the " + what + " comes to more than " + std::to_string(most) + " bytes")
      .Meta("part", what)
      .Meta("limit", std::to_string(most));
}

/// Without its links that lead nowhere, and the text of those: nobody can follow them. Placeholders that came to
/// nothing leave them.
std::string WithoutDeadLinks(std::string html) {
  constexpr std::string_view kNowhere = "href=\"\"";
  constexpr std::string_view kEnd = "</a>";
  for (size_t at = html.find(kNowhere); at != std::string::npos; at = html.find(kNowhere, at)) {
    const size_t begin = html.rfind('<', at);
    const size_t end = html.find(kEnd, at);
    const bool link = begin != std::string::npos && html.compare(begin, 3, "<a ") == 0 && end != std::string::npos;
    if (link) {
      html.erase(begin, end + kEnd.size() - begin);
      at = begin;
    } else {
      at += kNowhere.size();
    }
  }
  return html;
}

/// Fills a text in, up to `most` bytes.
absl::StatusOr<std::string> Fill(const std::vector<Part>& parts, const Scene& scene, const Locale& locale, bool html,
                                 const std::string& what, size_t most, std::set<std::string>& empty) {
  std::string out;
  for (const Part& part : parts) {
    out += part.text;
    if (part.filled) {
      Value value = ReadValue(part.path, scene);
      for (const FilterCall& filter : part.filters) ApplyFilter(filter, locale, html, value);
      const std::string text = Format(value, locale);
      if (text.empty()) empty.insert(part.written);
      out += html && !value.html ? EscapeHtml(text) : text;
    }
    if (out.size() > most) return TooLarge(what, most);
  }
  return out;
}

const v1::MailTemplate::Variant* VariantFor(const v1::MailTemplate& source, const std::string& language) {
  for (std::string wanted = text::ToLower(language); !wanted.empty();) {
    for (const auto& variant : source.variants()) {
      if (text::ToLower(variant.language()) == wanted) return &variant;
    }
    // The template's own texts are a variant too: pt-BR finds them as pt, before it would find another language.
    if (text::ToLower(source.language()) == wanted) return nullptr;
    const size_t dash = wanted.rfind('-');
    wanted = dash == std::string::npos ? "" : wanted.substr(0, dash);
  }
  return nullptr;
}

absl::Status CheckHasText(const std::string& text, const std::string& html, const std::string& field) {
  if (!text.empty() || !html.empty()) return absl::OkStatus();
  return InvalidField(field + ".text_body", "a text, or one in HTML, is required");
}

}  // namespace

absl::StatusOr<Template> Template::CompileTexts(const std::string& subject, const std::string& text,
                                                const std::string& html, const std::string& language,
                                                const std::string& field) {
  Template compiled;
  compiled.language_ = language.empty() ? "en" : language;
  if (subject.find_first_of("\r\n") != std::string::npos) {
    return InvalidField(field + ".subject", "must be one line");
  }
  EMBUDO_ASSIGN_OR_RETURN(compiled.subject_, CompileText(subject, field + ".subject", false));
  EMBUDO_ASSIGN_OR_RETURN(compiled.text_, CompileText(text, field + ".text_body", false));
  EMBUDO_ASSIGN_OR_RETURN(compiled.html_, CompileText(html, field + ".html_body", true));
  return compiled;
}

absl::StatusOr<Template> Template::Compile(const v1::MailTemplate& source, const std::string& language) {
  if (const auto* variant = VariantFor(source, language); variant != nullptr) {
    return CompileTexts(variant->subject(), variant->text_body(), variant->html_body(), variant->language(),
                        "mail_template.variants[\"" + variant->language() + "\"]");
  }
  return CompileTexts(source.subject(), source.text_body(), source.html_body(), source.language(), "mail_template");
}

std::vector<BoundPath> Template::Paths() const {
  std::vector<BoundPath> paths;
  for (const auto* parts : {&subject_, &text_, &html_}) {
    for (const Part& part : *parts) {
      if (part.filled) paths.push_back(part.path);
    }
  }
  return paths;
}

absl::StatusOr<Rendered> Template::Render(const Scene& scene) const {
  const Locale locale{language_, scene.time_zone};
  Rendered out;
  out.language = language_;
  std::set<std::string> empty;
  // A character has four bytes at most.
  EMBUDO_ASSIGN_OR_RETURN(std::string subject,
                          Fill(subject_, scene, locale, false, "subject", kMaxSubjectCharacters * 100, empty));
  out.subject = text::CutText(text::FoldWhitespace(subject), kMaxSubjectCharacters);
  EMBUDO_ASSIGN_OR_RETURN(out.text, Fill(text_, scene, locale, false, "text", kMaxTextCharacters * 4, empty));
  EMBUDO_ASSIGN_OR_RETURN(std::string html, Fill(html_, scene, locale, true, "HTML", kMaxHtmlBytes, empty));
  html = WithoutDeadLinks(std::move(html));
  if (!html.empty()) {
    markup::Html clean = markup::ReadHtml(html, kMaxHtmlBytes, markup::Pictures::kSecure);
    if (clean.sanitised.empty()) return TooLarge("HTML", kMaxHtmlBytes);
    out.html = std::move(clean.sanitised);
    if (text_.empty()) out.text = std::move(clean.text);
  }
  if (text::CountCharacters(out.text) > kMaxTextCharacters) return TooLarge("text", kMaxTextCharacters);
  out.empty.assign(empty.begin(), empty.end());
  return out;
}

std::vector<logic::CustomFieldUse> CustomFieldsOf(const v1::MailTemplate& source) {
  std::vector<logic::CustomFieldUse> uses;
  const auto add = [&uses](const absl::StatusOr<Template>& compiled, const std::string& field) {
    if (!compiled.ok()) return;
    const std::pair<const char*, const std::vector<Template::Part>*> texts[] = {
        {".subject", &compiled->subject_}, {".text_body", &compiled->text_}, {".html_body", &compiled->html_}};
    for (const auto& [name, parts] : texts) {
      for (const Template::Part& part : *parts) {
        if (part.path.key.empty() || part.path.fields.back()->name() != "custom_fields") continue;
        const auto* record = part.path.fields.back()->containing_type();
        const bool of_lead = record == type::v1::Lead::descriptor();
        uses.push_back({.path = field + name,
                        .target = of_lead ? type::v1::CustomField::TARGET_LEAD : type::v1::CustomField::TARGET_CONTACT,
                        .key = part.path.key});
      }
    }
  };
  add(Template::CompileTexts(source.subject(), source.text_body(), source.html_body(), source.language(), ""),
      "mail_template");
  for (int i = 0; i < source.variants_size(); ++i) {
    const auto& variant = source.variants(i);
    add(Template::CompileTexts(variant.subject(), variant.text_body(), variant.html_body(), variant.language(), ""),
        "mail_template.variants[" + std::to_string(i) + "]");
  }
  return uses;
}

absl::Status CheckTemplate(const v1::MailTemplate& source) {
  EMBUDO_RETURN_IF_ERROR(CheckHasText(source.text_body(), source.html_body(), "mail_template"));
  EMBUDO_RETURN_IF_ERROR(Template::CompileTexts(source.subject(), source.text_body(), source.html_body(),
                                                source.language(), "mail_template")
                             .status());
  std::set<std::string> languages = {text::ToLower(source.language().empty() ? "en" : source.language())};
  for (int i = 0; i < source.variants_size(); ++i) {
    const auto& variant = source.variants(i);
    const std::string field = "mail_template.variants[" + std::to_string(i) + "]";
    if (!languages.insert(text::ToLower(variant.language())).second) {
      return InvalidField(field + ".language", "is there twice");
    }
    EMBUDO_RETURN_IF_ERROR(CheckHasText(variant.text_body(), variant.html_body(), field));
    EMBUDO_RETURN_IF_ERROR(
        Template::CompileTexts(variant.subject(), variant.text_body(), variant.html_body(), variant.language(), field)
            .status());
  }
  return absl::OkStatus();
}

}  // namespace embudo::automation::mail
