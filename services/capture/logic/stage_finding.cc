#include "services/capture/logic/stage_finding.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/ids.h"
#include "services/capture/logic/cell.h"
#include "services/capture/logic/directory.h"

namespace embudo::capture::logic {
namespace {

using type::v1::Lead;

constexpr int kMaxStages = 60;

/// What the rows tell of one text.
struct Found {
  std::string text;
  int64_t count = 0;
  int64_t won = 0;
  int64_t lost = 0;
  int64_t open = 0;
  double probability = 0;
  int64_t probabilities = 0;
};

std::string CellAt(const text::CsvRow& row, std::optional<size_t> cell) {
  return cell && *cell < row.cells.size() ? text::FoldWhitespace(row.cells[*cell]) : "";
}

std::optional<double> NumberIn(std::string text) {
  std::replace(text.begin(), text.end(), ',', '.');
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  return text.empty() || end == text.c_str() ? std::nullopt : std::optional(number);
}

void Take(const text::CsvRow& row, const StageColumns& columns, double whole, Found* found) {
  ++found->count;
  const std::string won = NameKey(CellAt(row, columns.won));
  const std::string closed = NameKey(CellAt(row, columns.closed));
  const auto number = NumberIn(CellAt(row, columns.probability));
  if (number) {
    found->probability += *number / whole;
    ++found->probabilities;
  }
  if (columns.won || columns.closed) {
    const auto is_won = ReadBool(won);
    const auto is_closed = ReadBool(closed);
    if (won == "won" || (is_won.ok() && *is_won)) {
      ++found->won;
    } else if (won == "lost" || (is_closed.ok() && *is_closed && columns.won)) {
      ++found->lost;
    } else if (won == "open" || is_won.ok() || is_closed.ok()) {
      ++found->open;
    }
  } else if (number) {
    ++(*number >= whole ? found->won : *number == 0 ? found->lost : found->open);
  }
}

Lead::State StateOf(const Found& found) {
  if (found.won > found.lost && found.won > found.open) return Lead::STATE_WON;
  if (found.lost > found.open && found.lost > found.won) return Lead::STATE_LOST;
  return Lead::STATE_OPEN;
}

std::vector<Found> Collect(const Sample& sample, const StageColumns& columns) {
  double most = 0;
  for (const text::CsvRow& row : sample.rows) {
    most = std::max(most, NumberIn(CellAt(row, columns.probability)).value_or(0));
  }
  const double whole = most <= 1 ? 1 : 100;
  std::map<std::string, size_t> place;
  std::vector<Found> all;
  for (const text::CsvRow& row : sample.rows) {
    const std::string text = CellAt(row, columns.stage);
    if (text.empty() || text.size() > 200) continue;
    const auto [at, added] = place.emplace(NameKey(text), all.size());
    if (added) {
      all.emplace_back();
      all.back().text = text;
    }
    Take(row, columns, whole, &all[at->second]);
  }
  if (all.size() > kMaxStages) all.resize(kMaxStages);
  const bool probable = std::any_of(all.begin(), all.end(), [](const Found& f) { return f.probabilities > 0; });
  // The likelier, the further.
  std::stable_sort(all.begin(), all.end(), [&](const Found& a, const Found& b) {
    if (!probable) return false;
    const auto mean = [](const Found& f) {
      return f.probabilities == 0 ? 0 : f.probability / static_cast<double>(f.probabilities);
    };
    return mean(a) < mean(b);
  });
  return all;
}

std::string IdFor(const std::string& text, std::set<std::string>* taken) {
  const std::string slug = SlugOf(text).empty() ? "stage" : SlugOf(text).substr(0, 56);
  std::string id = slug;
  for (int n = 2; !taken->insert(id).second; ++n) id = slug + "-" + std::to_string(n);
  return id;
}

}  // namespace

void FindStages(const Sample& sample, const StageColumns& columns, v1::SuggestMappingResponse* response) {
  v1::ImportPipeline& pipeline = *response->mutable_mapping()->mutable_pipeline();
  const std::vector<Found> all = Collect(sample, columns);
  const bool told = columns.won || columns.closed || columns.probability;
  std::set<std::string> taken;
  std::map<std::string, std::string> id_of;
  std::string last_open;
  for (const Found& found : all) {
    if (StateOf(found) != Lead::STATE_OPEN) continue;
    last_open = IdFor(found.text, &taken);
    id_of[found.text] = last_open;
    auto* stage = pipeline.add_stages();
    stage->set_id(last_open);
    stage->set_display_name(found.text);
  }
  if (last_open.empty()) {
    last_open = IdFor("Open", &taken);
    auto* stage = pipeline.add_stages();
    stage->set_id(last_open);
    stage->set_display_name("Open");
  }
  // A pipeline has one won stage: all that is won goes there.
  auto* won = pipeline.add_stages();
  won->set_is_won(true);
  const auto first_won =
      std::find_if(all.begin(), all.end(), [](const Found& f) { return StateOf(f) == Lead::STATE_WON; });
  won->set_display_name(first_won == all.end() ? "Won" : first_won->text);
  won->set_id(IdFor(won->display_name(), &taken));
  pipeline.set_lost_stage(last_open);
  for (const Found& found : all) {
    const Lead::State state = StateOf(found);
    auto* suggestion = response->add_stages();
    suggestion->set_value(found.text);
    suggestion->set_count(found.count);
    suggestion->set_state(state);
    suggestion->set_stage(state == Lead::STATE_OPEN  ? id_of[found.text]
                          : state == Lead::STATE_WON ? won->id()
                                                     : last_open);
    if (told) {
      suggestion->set_evidence(columns.won || columns.closed
                                   ? std::to_string(found.won) + " won, " + std::to_string(found.lost) + " lost, " +
                                         std::to_string(found.open) + " open"
                                   : "probability");
    }
    auto* value = pipeline.add_stage_values();
    value->set_value(found.text);
    value->set_stage(suggestion->stage());
    if (state == Lead::STATE_LOST) value->set_state(state);
  }
  if (told || all.empty()) return;
  auto* question = response->add_questions();
  question->set_code("UNKNOWN_STAGE_MEANING");
  question->set_column(pipeline.stage_column());
  std::string list;
  for (const Found& found : all) list += (list.empty() ? "" : ", ") + found.text;
  question->set_message("Which of these mean won, which lost? No column of the file tells: " + list);
  for (const char* option : {"open", "won", "lost"}) question->add_options(option);
}

}  // namespace embudo::capture::logic
