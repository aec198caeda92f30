#pragma once

#include <string>

#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/capture/v1/form.pb.h"
#include "services/capture/logic/form_body.h"
#include "services/capture/logic/visit.h"

namespace embudo::capture::logic {

/// What the field of a form tells the time in that it took to fill it.
inline constexpr char kElapsedField[] = "_elapsed_ms";

/// What something that came in is to be taken as.
struct Capturing {
  v1::CaptureLeadRequest request;
  /// OUTCOME_UNSPECIFIED: it is to become a lead. Else what it is kept as.
  v1::Submission::Outcome outcome = v1::Submission::OUTCOME_UNSPECIFIED;
  std::string reason;
  /// The field that a person can mend; empty if there is none.
  std::string wrong_field;
};

/// What a form that was sent becomes: a lead by the form's mapping, spam if a machine has filled it in, or rejected.
Capturing CaptureForm(const v1::Form& form, const FormFields& fields, const Visit& visit);

/// Checks a form, and brings it into its normal form. INVALID_ARGUMENT naming the field.
absl::Status PrepareForm(v1::Form& form);

/// Sets what a form or a hook says of leads that do not say it themselves. `Spec` is either.
template <class Spec>
void FillDefaults(const Spec& spec, v1::CaptureLeadRequest& request) {
  if (request.lead().team().empty()) request.mutable_lead()->set_team(spec.team());
  for (const std::string& tag : spec.tags()) request.mutable_lead()->add_tags(tag);
  type::v1::Touch& touch = *request.mutable_touch();
  if (!touch.source().empty() || !touch.medium().empty() || !touch.campaign().empty()) return;
  touch.set_source(spec.source());
  touch.set_medium(spec.medium());
  touch.set_campaign(spec.campaign());
}

}  // namespace embudo::capture::logic
