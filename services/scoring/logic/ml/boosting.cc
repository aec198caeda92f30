#include "services/scoring/logic/ml/boosting.h"

#include <xgboost/c_api.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <utility>

#include "common/base/error.h"

namespace embudo::scoring::ml {
namespace {

absl::Status Check(int code) {
  return code == 0 ? absl::OkStatus() : Internal(std::string("xgboost: ") + XGBGetLastError());
}

struct Matrix {
  DMatrixHandle handle = nullptr;

  Matrix() = default;
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  ~Matrix() {
    if (handle != nullptr) XGDMatrixFree(handle);
  }
  absl::Status Fill(const Dense& rows, const Labels* labels) {
    const size_t count = rows.values.size() / rows.width;
    EMBUDO_RETURN_IF_ERROR(Check(XGDMatrixCreateFromMat_omp(rows.values.data(), count, rows.width,
                                                            std::numeric_limits<float>::quiet_NaN(), &handle, 1)));
    if (labels == nullptr) return absl::OkStatus();
    const std::vector<float> y(labels->begin(), labels->end());
    return Check(XGDMatrixSetFloatInfo(handle, "label", y.data(), y.size()));
  }
};

/// Columns that each tree is given, at least: of fewer, it could not learn what they say together.
constexpr double kLeastColumns = 8;
constexpr double kColumnShare = 0.6;

std::vector<std::pair<std::string, std::string>> Parameters(const BoostOptions& options, size_t columns) {
  const double share = std::clamp(kLeastColumns / static_cast<double>(columns), kColumnShare, 1.0);
  return {{"booster", "gbtree"},
          {"objective", "binary:logistic"},
          {"eval_metric", "logloss"},
          {"tree_method", "hist"},
          {"max_bin", "128"},
          {"nthread", "1"},
          {"verbosity", "0"},
          {"seed", std::to_string(kSeed)},
          {"max_depth", std::to_string(options.depth)},
          {"eta", std::to_string(options.rate)},
          {"min_child_weight", std::to_string(options.least_weight)},
          {"lambda", std::to_string(options.ridge)},
          {"subsample", "0.8"},
          {"colsample_bytree", std::to_string(share)}};
}

}  // namespace

struct Booster::Handle {
  BoosterHandle handle = nullptr;

  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (handle != nullptr) XGBoosterFree(handle);
  }
  absl::Status Make(const std::vector<DMatrixHandle>& cache, const BoostOptions& options, size_t columns) {
    EMBUDO_RETURN_IF_ERROR(Check(XGBoosterCreate(cache.data(), cache.size(), &handle)));
    for (const auto& [name, value] : Parameters(options, columns)) {
      EMBUDO_RETURN_IF_ERROR(Check(XGBoosterSetParam(handle, name.c_str(), value.c_str())));
    }
    return absl::OkStatus();
  }
  /// The trees of the first rounds only.
  absl::Status Cut(int rounds) {
    BoosterHandle cut = nullptr;
    EMBUDO_RETURN_IF_ERROR(Check(XGBoosterSlice(handle, 0, rounds, 1, &cut)));
    XGBoosterFree(std::exchange(handle, cut));
    return Check(XGBoosterSetParam(handle, "nthread", "1"));
  }
  absl::StatusOr<std::vector<float>> Predict(const Dense& rows, int type) const {
    Matrix matrix;
    EMBUDO_RETURN_IF_ERROR(matrix.Fill(rows, nullptr));
    const std::string config = R"({"type":)" + std::to_string(type) +
                               R"(,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false})";
    const bst_ulong* shape = nullptr;
    bst_ulong dimensions = 0;
    const float* result = nullptr;
    EMBUDO_RETURN_IF_ERROR(
        Check(XGBoosterPredictFromDMatrix(handle, matrix.handle, config.c_str(), &shape, &dimensions, &result)));
    size_t size = 1;
    for (bst_ulong i = 0; i < dimensions; ++i) size *= shape[i];
    return std::vector<float>(result, result + size);
  }
};

absl::StatusOr<Booster> Booster::TrainUntilBest(const Dense& train, const Labels& train_labels, const Dense& held_out,
                                                const Labels& held_out_labels, const BoostOptions& options) {
  Matrix matrix;
  Matrix judge;
  EMBUDO_RETURN_IF_ERROR(matrix.Fill(train, &train_labels));
  EMBUDO_RETURN_IF_ERROR(judge.Fill(held_out, &held_out_labels));
  Booster booster;
  booster.handle_ = std::make_shared<Handle>();
  EMBUDO_RETURN_IF_ERROR(booster.handle_->Make({matrix.handle, judge.handle}, options, train.width));
  double least = std::numeric_limits<double>::infinity();
  const char* names[] = {"h"};
  for (int round = 0; round < options.most_rounds && round < booster.rounds_ + options.patience; ++round) {
    EMBUDO_RETURN_IF_ERROR(Check(XGBoosterUpdateOneIter(booster.handle_->handle, round, matrix.handle)));
    const char* told = nullptr;
    EMBUDO_RETURN_IF_ERROR(Check(XGBoosterEvalOneIter(booster.handle_->handle, round, &judge.handle, names, 1, &told)));
    const double loss = std::strtod(std::strrchr(told, ':') + 1, nullptr);
    if (loss >= least) continue;
    least = loss;
    booster.rounds_ = round + 1;
  }
  booster.rounds_ = std::max(booster.rounds_, 1);
  EMBUDO_RETURN_IF_ERROR(booster.handle_->Cut(booster.rounds_));
  return booster;
}

absl::StatusOr<Booster> Booster::Train(const Dense& train, const Labels& labels, int rounds,
                                       const BoostOptions& options) {
  Matrix matrix;
  EMBUDO_RETURN_IF_ERROR(matrix.Fill(train, &labels));
  Booster booster;
  booster.handle_ = std::make_shared<Handle>();
  booster.rounds_ = rounds;
  EMBUDO_RETURN_IF_ERROR(booster.handle_->Make({matrix.handle}, options, train.width));
  for (int round = 0; round < rounds; ++round) {
    EMBUDO_RETURN_IF_ERROR(Check(XGBoosterUpdateOneIter(booster.handle_->handle, round, matrix.handle)));
  }
  return booster;
}

absl::StatusOr<Booster> Booster::Load(const std::string& bytes) {
  Booster booster;
  booster.handle_ = std::make_shared<Handle>();
  EMBUDO_RETURN_IF_ERROR(booster.handle_->Make({}, {}, 1));
  if (XGBoosterLoadModelFromBuffer(booster.handle_->handle, bytes.data(), bytes.size()) != 0) {
    return absl::DataLossError("the trees of the model can't be read");
  }
  EMBUDO_RETURN_IF_ERROR(Check(XGBoosterSetParam(booster.handle_->handle, "nthread", "1")));
  EMBUDO_RETURN_IF_ERROR(Check(XGBoosterBoostedRounds(booster.handle_->handle, &booster.rounds_)));
  return booster;
}

absl::StatusOr<std::string> Booster::Save() const {
  bst_ulong size = 0;
  const char* bytes = nullptr;
  EMBUDO_RETURN_IF_ERROR(Check(XGBoosterSaveModelToBuffer(handle_->handle, R"({"format":"ubj"})", &size, &bytes)));
  return std::string(bytes, size);
}

absl::StatusOr<Scores> Booster::Predict(const Dense& rows) const {
  if (rows.values.empty()) return Scores();
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<float> margins, handle_->Predict(rows, 1));
  return Scores(margins.begin(), margins.end());
}

absl::StatusOr<std::vector<Scores>> Booster::Contributions(const Dense& rows) const {
  std::vector<Scores> contributions;
  if (rows.values.empty()) return contributions;
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<float> all, handle_->Predict(rows, 2));
  for (size_t begin = 0; begin < all.size(); begin += rows.width + 1) {
    const auto* first = all.data() + begin;
    contributions.emplace_back(first, first + rows.width + 1);
  }
  return contributions;
}

}  // namespace embudo::scoring::ml
