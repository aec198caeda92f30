#include "services/reporting/logic/default_dashboards.h"

#include <google/protobuf/text_format.h>

#include <cstdlib>

namespace embudo::reporting::logic {
namespace {

// Reports are made for whoever looks, so a representative's are the own ones.
constexpr char kRep[] = R"pb(
  name: "dashboards/rep"
  display_name: "My pipeline"
  description: "What a representative looks at each morning: the own deals, what is due, what will close."
  tiles {
    display_name: "My figures, last 90 days"
    chart: CHART_FIGURES
    days: 90
    key_figures {}
  }
  tiles {
    display_name: "Open deals by stage"
    chart: CHART_BAR
    measure: "open_revenue"
    pipeline { group_by: "stage" filter: "state = OPEN" }
  }
  tiles {
    display_name: "Activities by type"
    chart: CHART_STACKED_BAR
    measure: "planned_count"
    activities { group_by: "type" }
  }
  tiles {
    display_name: "Forecast"
    chart: CHART_TABLE
    days: 90
    forecast {}
  }
  tiles {
    display_name: "Won by month, last year"
    chart: CHART_LINE
    measure: "won_revenue"
    days: 365
    win_loss { group_by: "close_month" }
  }
)pb";

constexpr char kManager[] = R"pb(
  name: "dashboards/manager"
  display_name: "Team"
  description: "What a sales manager steers by: the team's deals, where they get stuck, who does what."
  tiles {
    display_name: "Figures, last 90 days"
    chart: CHART_FIGURES
    days: 90
    key_figures {}
  }
  tiles {
    display_name: "Open pipeline by stage and team"
    chart: CHART_STACKED_BAR
    measure: "open_revenue"
    pipeline { group_by: "stage" group_by: "team" filter: "state = OPEN" }
  }
  tiles {
    display_name: "Funnel"
    chart: CHART_BAR
    measure: "entered_count"
    funnel {}
  }
  tiles {
    display_name: "Days in stage"
    chart: CHART_BAR
    measure: "average_days"
    funnel {}
  }
  tiles {
    display_name: "Win rate by representative"
    chart: CHART_TABLE
    win_loss { group_by: "owner" }
  }
  tiles {
    display_name: "Activities by representative"
    chart: CHART_TABLE
    activities { group_by: "assignee" }
  }
  tiles {
    display_name: "Why deals were lost"
    chart: CHART_DOUGHNUT
    measure: "lost_count"
    win_loss { group_by: "lost_reason" filter: "state = LOST" }
  }
)pb";

constexpr char kExecutive[] = R"pb(
  name: "dashboards/executive"
  display_name: "Business"
  description: "How the business does: revenue won and expected, where leads come from, what they cost."
  tiles {
    display_name: "Figures, last 90 days"
    chart: CHART_FIGURES
    days: 90
    key_figures {}
  }
  tiles {
    display_name: "Revenue won by month, last two years"
    chart: CHART_LINE
    measure: "won_revenue"
    days: 730
    win_loss { group_by: "close_month" }
  }
  tiles {
    display_name: "Forecast against quota"
    chart: CHART_TABLE
    days: 180
    forecast {}
  }
  tiles {
    display_name: "Won by office"
    chart: CHART_DOUGHNUT
    measure: "won_revenue"
    pipeline { group_by: "office" }
  }
  tiles {
    display_name: "Leads by source, last year"
    chart: CHART_BAR
    measure: "count"
    days: 365
    leads { group_by: "source" }
  }
  tiles {
    display_name: "Campaigns"
    chart: CHART_TABLE
    leads { group_by: "campaign" }
  }
)pb";

}  // namespace

const std::vector<v1::Dashboard>& DefaultDashboards() {
  static const auto* const dashboards = [] {
    auto* list = new std::vector<v1::Dashboard>;
    for (const char* text : {kRep, kManager, kExecutive}) {
      // What does not parse is a bug of this file.
      if (!google::protobuf::TextFormat::ParseFromString(text, &list->emplace_back())) std::abort();
    }
    return list;
  }();
  return *dashboards;
}

}  // namespace embudo::reporting::logic
