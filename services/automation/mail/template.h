#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "embudo/automation/v1/template.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/automation/logic/custom_fields.h"
#include "services/automation/mail/template_path.h"
#include "services/automation/mail/template_syntax.h"

namespace embudo::automation::mail {

/// What a mail may have at most, once it is filled in.
inline constexpr size_t kMaxTextCharacters = 200000;
inline constexpr size_t kMaxHtmlBytes = 1000000;
inline constexpr size_t kMaxSubjectCharacters = 1000;

/// What a template is filled in from.
struct Scene {
  const type::v1::Lead& lead;
  /// `users/{user}` who sends it; may be empty.
  std::string sender;
  /// What the template's paths need (MissingRecords); nullptr for records that are gone.
  const Records& records;
  /// By which the receiver may unsubscribe; empty: there is none.
  std::string unsubscribe_link;
  Day today;
  /// Of the tenant, for moments.
  std::string time_zone;
};

/// A mail as it goes out.
struct Rendered {
  std::string subject;
  std::string text;
  /// Sanitised; empty if the template has none.
  std::string html;
  std::string language;
  /// Placeholders that came to nothing, as written.
  std::vector<std::string> empty;
};

/// The texts of a template in one language, ready to be filled in.
class Template {
 public:
  /// The variant for a language. INVALID_ARGUMENT, reason INVALID_TEMPLATE, as CheckTemplate.
  static absl::StatusOr<Template> Compile(const v1::MailTemplate& source, const std::string& language);

  /// The paths in it.
  std::vector<BoundPath> Paths() const;
  /// FAILED_PRECONDITION, reason RENDERED_TOO_LARGE, if more comes of it than a mail may have.
  absl::StatusOr<Rendered> Render(const Scene& scene) const;

  struct Part {
    std::string text;
    bool filled = false;
    std::string written;
    BoundPath path;
    std::vector<FilterCall> filters;
  };

 private:
  friend absl::Status CheckTemplate(const v1::MailTemplate& source);
  friend std::vector<logic::CustomFieldUse> CustomFieldsOf(const v1::MailTemplate& source);
  static absl::StatusOr<Template> CompileTexts(const std::string& subject, const std::string& text,
                                               const std::string& html, const std::string& language,
                                               const std::string& field);

  std::string language_;
  std::vector<Part> subject_;
  std::vector<Part> text_;
  std::vector<Part> html_;
};

/// INVALID_ARGUMENT for a template that could never be filled in: reason INVALID_TEMPLATE with line and column for a
/// placeholder that names nothing, can't be read, or has a filter that its value does not go with; INVALID_FIELD for a
/// template without a text and for a language that is there twice. Fields by their path in the request
/// (`mail_template.variants[0].subject`).
absl::Status CheckTemplate(const v1::MailTemplate& source);

/// The custom fields that a template names, which only the pipeline knows. The template is good (CheckTemplate).
std::vector<logic::CustomFieldUse> CustomFieldsOf(const v1::MailTemplate& source);

}  // namespace embudo::automation::mail
