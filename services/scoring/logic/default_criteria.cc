#include "services/scoring/logic/manual_score.h"

namespace embudo::scoring::logic {
namespace {

v1::Criterion Make(const char* id, const char* display_name, int points, std::string filter) {
  v1::Criterion criterion;
  criterion.set_name(std::string("criteria/") + id);
  criterion.set_display_name(display_name);
  criterion.set_points(points);
  criterion.set_filter(std::move(filter));
  return criterion;
}

/// C-level or VP. Short titles must begin a word: "DIRECTOR" is no CTO.
std::string SeniorTitle() {
  std::string titles;
  for (const char* title : {"CEO", "CFO", "COO", "CTO", "CIO", "CMO", "CRO", "CPO", "CISO", "VP", "SVP", "EVP"}) {
    titles += std::string(titles.empty() ? "" : " OR ") + "\"" + title + "*\" OR \"* " + title + "*\"";
  }
  return "job_title:(Chief OR chief OR \"Vice President\" OR \"vice president\") OR job_title = (" + titles + ")";
}

}  // namespace

std::vector<v1::Criterion> DefaultCriteria() {
  return {
      Make("budget-confirmed", "Budget confirmed", 30, "budget > 10000"),
      Make("decision-maker-identified", "Decision maker identified", 25, SeniorTitle()),
      Make("timeline-defined", "Timeline defined", 20, "within_next(decision_date, 90d)"),
      Make("current-pain", "Current pain", 15, "current_solution:* OR pain:*"),
      Make("company-size-fit", "Company size fit", 10, "headcount >= 50 AND headcount <= 500"),
  };
}

}  // namespace embudo::scoring::logic
