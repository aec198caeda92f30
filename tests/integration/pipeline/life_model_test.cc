// Random lives of leads against a model in memory that knows the rules only: what may be done when, and what comes of
// it. Compared after every step.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <tuple>

#include "common/base/error.h"
#include "tests/integration/pipeline/lead_case.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using type::v1::Lead;

/// A lead as the model knows it.
struct Model {
  Lead::State state = Lead::STATE_OPEN;
  std::string stage = kNew;
  std::string owner;
  std::string pain;
  std::string merged_into;
  double probability = 0;
  bool manual = false;
  bool archived = false;
  bool deleted = false;
  int created = 0;
};

class LifeModelTest : public LeadCase {
 protected:
  void SetUp() override {
    for (const char* user : {"ana", "bob"}) CreateUser(user);
  }

  int Pick(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
  template <class T>
  const T& OneOf(const std::vector<T>& items) {
    return items[static_cast<size_t>(Pick(static_cast<int>(items.size())))];
  }

  /// The lead that a name leads to.
  const std::string& Resolve(const std::string& name) const {
    const Model& model = models_.at(name);
    return model.merged_into.empty() ? name : Resolve(model.merged_into);
  }

  /// Checks that a call's outcome is the model's. Whether it went well.
  bool Expect(const absl::StatusOr<Lead>& result, bool allowed, const std::string& what) {
    EXPECT_EQ(result.ok(), allowed) << what << ": " << result.status();
    return result.ok() && allowed;
  }

  void DoCreate() {
    Model model;
    model.pain = std::to_string(Pick(100));
    model.created = static_cast<int>(names_.size());
    suite().Advance(std::chrono::seconds(1));
    const Lead lead = Create([&](Lead& given) { given.set_pain(model.pain); });
    models_[lead.name()] = model;
    names_.push_back(lead.name());
  }
  void DoUpdate(const std::string& name, Model& model) {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(name);
    const bool probability = Pick(2) == 0;
    request.mutable_lead()->set_probability(Pick(10'001) / 100.0);
    request.mutable_lead()->set_pain(std::to_string(Pick(100)));
    request.mutable_update_mask()->add_paths(probability ? "probability" : "pain");
    if (!Expect(admin_.Call<Lead>(request), !model.deleted, "update")) return;
    if (!probability) {
      model.pain = request.lead().pain();
    } else if (model.state == Lead::STATE_OPEN && model.probability != request.lead().probability()) {
      model.probability = request.lead().probability();
      model.manual = true;
    }
  }
  void DoArchive(const std::string& name, Model& model) {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(name);
    request.mutable_lead()->set_archived(!model.archived);
    request.mutable_update_mask()->add_paths("archived");
    if (Expect(admin_.Call<Lead>(request), !model.deleted, "archive")) model.archived = !model.archived;
  }
  void DoMove(const std::string& name, Model& model) {
    const std::string stage = OneOf<std::string>({kNew, kQualified, kProposal, kNegotiation, kWon});
    const bool allowed = !model.deleted && model.state == Lead::STATE_OPEN && stage != kWon;
    if (Expect(MoveTo(name, stage), allowed, "move")) model.stage = stage;
  }
  void DoWin(const std::string& name, Model& model) {
    const bool allowed = !model.deleted && model.state == Lead::STATE_OPEN;
    if (!Expect(Do<pipeline::v1::WinLeadRequest>(name), allowed, "win")) return;
    model.state = Lead::STATE_WON;
    model.stage = kWon;
    model.probability = 100;
  }
  void DoLose(const std::string& name, Model& model) {
    const bool allowed = !model.deleted && model.state == Lead::STATE_OPEN;
    if (!Expect(Do<pipeline::v1::LoseLeadRequest>(name), allowed, "lose")) return;
    model.state = Lead::STATE_LOST;
    model.probability = 0;
  }
  void DoRestore(const std::string& name, Model& model) {
    const bool allowed = !model.deleted && model.state != Lead::STATE_OPEN;
    if (!Expect(Do<pipeline::v1::RestoreLeadRequest>(name), allowed, "restore")) return;
    if (model.state == Lead::STATE_WON) model.stage = kNegotiation;
    model.state = Lead::STATE_OPEN;
    model.probability = 0;  // nothing has been scored
    model.manual = false;
  }
  void DoAssign(const std::string& name, Model& model) {
    const std::string owner = OneOf<std::string>({"users/ana", "users/bob"});
    const auto result = Do<pipeline::v1::AssignLeadRequest>(name, [&](auto& request) { request.set_owner(owner); });
    if (Expect(result, !model.deleted, "assign")) model.owner = owner;
  }
  void DoDelete(const std::string& name, Model& model) {
    if (Expect(Do<pipeline::v1::DeleteLeadRequest>(name), !model.deleted, "delete")) model.deleted = true;
  }
  void DoUndelete(const std::string& name, Model& model) {
    if (Expect(Do<pipeline::v1::UndeleteLeadRequest>(name), model.deleted, "undelete")) model.deleted = false;
  }
  void DoMerge(const std::string& first, const std::string& second) {
    Model& a = models_.at(first);
    Model& b = models_.at(second);
    const bool both_won = a.state == Lead::STATE_WON && b.state == Lead::STATE_WON;
    const bool allowed = first != second && !a.deleted && !b.deleted && !both_won;
    const auto merged = Merge({first, second});
    if (!Expect(merged, allowed, "merge")) return;
    const std::vector<std::string> stages = {kNew, kQualified, kProposal, kNegotiation, kWon};
    const auto key = [&](const Model& model) {
      const int state = model.state == Lead::STATE_WON ? 0 : (model.state == Lead::STATE_OPEN ? 1 : 2);
      const auto stage = std::find(stages.begin(), stages.end(), model.stage) - stages.begin();
      return std::tuple(state, -stage, -model.probability, model.created);
    };
    const bool first_survives = key(a) < key(b);
    Model& survivor = first_survives ? a : b;
    Model& other = first_survives ? b : a;
    if (survivor.owner.empty()) survivor.owner = other.owner;
    other.deleted = true;
    other.merged_into = first_survives ? first : second;
    EXPECT_EQ(merged->name(), other.merged_into);
  }

  void Step() {
    if (names_.size() < 4) return DoCreate();
    const std::string name = Resolve(OneOf(names_));
    Model& model = models_.at(name);
    switch (Pick(14)) {
      case 0:
        return DoCreate();
      case 1:
      case 2:
        return DoUpdate(name, model);
      case 3:
        return DoArchive(name, model);
      case 4:
      case 5:
        return DoMove(name, model);
      case 6:
        return DoWin(name, model);
      case 7:
        return DoLose(name, model);
      case 8:
      case 9:
        return DoRestore(name, model);
      case 10:
        return DoAssign(name, model);
      case 11:
        return DoDelete(name, model);
      case 12:
        return DoUndelete(name, model);
      default:
        return DoMerge(name, Resolve(OneOf(names_)));
    }
  }

  void Compare(const std::string& name) const {
    const std::string& resolved = Resolve(name);
    const Model& model = models_.at(resolved);
    const Lead lead = GetLead(name);
    EXPECT_EQ(lead.name(), resolved);
    EXPECT_EQ(lead.state(), model.state);
    EXPECT_EQ(lead.stage(), model.stage);
    EXPECT_EQ(lead.owner(), model.owner);
    EXPECT_EQ(lead.pain(), model.pain);
    EXPECT_EQ(lead.probability(), model.probability);
    EXPECT_EQ(lead.archived(), model.archived);
    EXPECT_EQ(lead.has_delete_time(), model.deleted);
    EXPECT_EQ(lead.has_purge_time(), model.deleted);
    // What holds of every lead.
    EXPECT_EQ(lead.state() == Lead::STATE_WON, lead.stage() == kWon);
    EXPECT_EQ(lead.has_close_time(), lead.state() != Lead::STATE_OPEN);
    if (lead.state() == Lead::STATE_WON) {
      EXPECT_EQ(lead.probability(), 100);
    }
    if (lead.state() == Lead::STATE_LOST) {
      EXPECT_EQ(lead.probability(), 0);
    }
    if (lead.state() == Lead::STATE_OPEN) {
      EXPECT_EQ(lead.manual_probability(), model.manual);
      EXPECT_EQ(lead.lost_reason() + lead.lost_note(), "");
    }
    EXPECT_FALSE(lead.rank().empty());
    EXPECT_EQ(lead.pipeline(), "pipelines/default");
  }

  std::mt19937 random_;
  std::map<std::string, Model> models_;
  std::vector<std::string> names_;
};

TEST_F(LifeModelTest, LivesAsTheRulesSay) {
  const char* given = std::getenv("EMBUDO_TEST_SEED");
  const auto seed = given == nullptr ? std::random_device()() : static_cast<unsigned>(std::stoul(given));
  SCOPED_TRACE("EMBUDO_TEST_SEED=" + std::to_string(seed));
  random_.seed(seed);
  for (int step = 0; step < 400 && !HasFailure(); ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    Step();
    Compare(OneOf(names_));
  }
  for (const std::string& name : names_) Compare(name);
  // The board is what the model says.
  std::map<std::string, int64_t> counts;
  for (const auto& [name, model] : models_) {
    const bool card = !model.deleted && !model.archived && model.state != Lead::STATE_LOST;
    if (card) ++counts[model.stage];
  }
  const auto board = Kanban(admin_);
  for (const auto& column : board.columns()) {
    EXPECT_EQ(column.count(), counts[column.stage().name()]) << column.stage().name();
  }
}

}  // namespace
}  // namespace embudo::testing
