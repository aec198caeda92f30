#pragma once

#include <string>
#include <string_view>

#include "embudo/type/v1/touch.pb.h"
#include "services/capture/logic/form_body.h"

namespace embudo::capture::logic {

/// What a browser tells of a visit beside the form.
struct Visit {
  /// Query string of the address that the form was sent to.
  std::string query;
  /// The page that the form stands on (Referer), with its query string where the browser tells it.
  std::string page;
};

/// Completes a touch: UTM parameters and click ids from the form's fields (`utm_source`, `gclid` …), else from the
/// query that the form was sent with, else from that of the landing page, else from that of the page. Landing page and
/// referrer are the fields `landing_page` and `referrer`; without the first, the page. What the touch has, stays.
void CompleteTouch(const FormFields& fields, const Visit& visit, type::v1::Touch* touch);

/// What stands between the question mark and the fragment of an address.
std::string_view QueryOf(std::string_view uri);

}  // namespace embudo::capture::logic
