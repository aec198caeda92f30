#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "embudo/type/v1/quote.pb.h"

namespace embudo::pipeline::document {

/// A quote as it is printed.
struct QuoteSheet {
  const type::v1::Quote& quote;
  /// Who makes the offer.
  std::string issuer;
  /// The document's date.
  google::type::Date date;
  /// What is written across each page (`DRAFT`); empty: nothing.
  std::string mark;
};

/// The sheet as a PDF of A4 pages: the same bytes for the same sheet. Takes texts of any script and length. INTERNAL if
/// it can't be made. Thread-safe; takes up to seconds for long texts.
absl::StatusOr<std::string> RenderQuote(const QuoteSheet& sheet);

}  // namespace embudo::pipeline::document
