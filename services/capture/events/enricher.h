#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/call_context.h"
#include "common/rpc/client.h"
#include "embudo/capture/v1/enrichment.pb.h"
#include "services/capture/logic/enrichment.h"
#include "services/capture/storage/enrichment_store.h"
#include "services/capture/storage/settings_store.h"

namespace embudo::capture::events {

struct EnricherOptions {
  std::string secrets_dir;
  /// Whether providers may be in private networks.
  bool private_targets = false;
  /// Providers on the web that are asked at once; more calls are refused. A slow one must not hold all of the service's
  /// threads.
  int parallel = 4;
};

/// Asks providers about the companies of leads, and fills what the leads lack. Thread-safe.
class Enricher {
 public:
  Enricher(storage::EnrichmentStore& store, storage::SettingsStore& settings, embudo::rpc::Client& pipeline,
           const Clock& clock, EnricherOptions options)
      : store_(store), settings_(settings), pipeline_(pipeline), clock_(clock), options_(std::move(options)) {}

  /// What came of it, without a name yet. `lead` is as the caller sees it.
  absl::StatusOr<v1::Enrichment> Enrich(const embudo::rpc::CallContext& call, const type::v1::Lead& lead);

 private:
  struct Answer {
    v1::EnrichmentProvider provider;
    type::v1::Lead found;
  };
  /// The first answer; what was asked is put down in `enrichment`.
  absl::StatusOr<std::optional<Answer>> AskAll(const embudo::rpc::CallContext& call, const logic::CompanyKey& key,
                                               v1::Enrichment& enrichment);
  absl::Status AskOne(const embudo::rpc::CallContext& call, const v1::EnrichmentProvider& provider,
                      const logic::CompanyKey& key, std::optional<int64_t> most, v1::EnrichmentAttempt& attempt,
                      type::v1::Lead& found);
  /// JSON; nullopt if the provider does not know the company.
  absl::StatusOr<std::optional<std::string>> Ask(const embudo::rpc::CallContext& call,
                                                 const v1::EnrichmentProvider& provider, const logic::CompanyKey& key);
  /// Fills what the lead lacks, as it is by then; puts the fields down.
  absl::Status Fill(const embudo::rpc::CallContext& call, type::v1::Lead lead, const type::v1::Lead& found,
                    v1::Enrichment& enrichment);
  absl::Status Note(const embudo::rpc::CallContext& call, const v1::EnrichmentProvider& provider,
                    const v1::Enrichment& enrichment);

  storage::EnrichmentStore& store_;
  storage::SettingsStore& settings_;
  embudo::rpc::Client& pipeline_;
  const Clock& clock_;
  const EnricherOptions options_;
  std::atomic<int> asking_{0};
};

}  // namespace embudo::capture::events
