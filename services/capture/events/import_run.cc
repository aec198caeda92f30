#include "services/capture/events/import_run.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/log/log.h"

namespace embudo::capture::events {
namespace {

using logic::MappedRow;
using logic::Outcome;
using std::chrono::milliseconds;
using v1::ImportMetadata;

constexpr milliseconds kFirstPause{200};
constexpr milliseconds kLongestPause{5000};
constexpr std::chrono::seconds kSaveTimeout{30};
/// With a batch that is nearly full it still fits a message.
constexpr size_t kMaxRecordBytes = 2 << 20;

absl::Status Interrupted(const char* why) { return Error(absl::StatusCode::kCancelled, "IMPORT_INTERRUPTED", why); }

absl::Status Cancelled() {
  return Error(absl::StatusCode::kCancelled, "IMPORT_CANCELLED", "the import was cancelled; what was done stays");
}

/// When the record of a resource name was made, by its id, a UUID of version 7; the epoch if it is another id.
Time MadeAt(const std::string& name) {
  const auto id = Uuid::Parse(name.substr(name.rfind('/') + 1));
  if (!id || (id->bytes[6] >> 4) != 7) return Time();
  int64_t ms = 0;
  for (size_t i = 0; i < 6; ++i) ms = ms << 8 | id->bytes[i];
  return Time(milliseconds(ms));
}

size_t SizeOf(const MappedRow& row) { return row.record == nullptr ? 0 : row.record->ByteSizeLong(); }

/// What the records of a row may be found by: rows that share one are never on their way at the same time.
std::vector<std::string> MarksOf(const MappedRow& row, bool matches) {
  std::vector<std::string> marks;
  if (!row.id.empty()) marks.push_back(row.id);
  if (!row.same_as.empty()) marks.push_back(row.same_as);
  if (!matches || row.record == nullptr) return marks;
  for (const char* name : {"email", "phone", "website"}) {
    const auto* field = row.record->GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || field->is_repeated()) continue;
    const std::string text = row.record->GetReflection()->GetString(*row.record, field);
    if (!text.empty()) marks.push_back("=" + text);
  }
  return marks;
}

std::string NameWithoutPrefix(const std::string& name, size_t prefix) { return name.substr(prefix); }

}  // namespace

rpc::Identity ImportIdentity(const storage::ImportJob& job) {
  rpc::Identity identity;
  identity.tenant = job.tenant;
  identity.actor = job.actor;
  identity.roles = {type::v1::ROLE_SERVICE};
  identity.origin = type::v1::ORIGIN_IMPORT;
  return identity;
}

absl::Status TellOfImport(rpc::Client& pipeline, const rpc::Identity& identity, const storage::ImportJob& import,
                          const std::string& filename, pipeline::v1::RecordImportRequest::Step step) {
  const ImportMetadata& progress = import.progress;
  pipeline::v1::RecordImportRequest request;
  request.set_step(step);
  type::v1::Import& told = *request.mutable_import();
  told.set_name("operations/" + import.id);
  told.set_filename(filename);
  told.set_target(NameWithoutPrefix(v1::ImportMapping::Target_Name(progress.target()), 7));
  told.set_rows(step == pipeline::v1::RecordImportRequest::STEP_STARTED ? progress.rows_total() : progress.rows_done());
  told.set_created(progress.created());
  told.set_updated(progress.updated());
  told.set_refused(progress.refused());
  if (progress.has_end_time()) told.set_state(NameWithoutPrefix(ImportMetadata::State_Name(progress.state()), 6));
  told.set_actor(import.actor);
  *told.mutable_create_time() = progress.create_time();
  return pipeline
      .Call<pipeline::v1::RecordImportResponse>("embudo.pipeline.v1.ImportedRecordService/RecordImport", identity,
                                                request)
      .status();
}

ImportRun::ImportRun(const ImportTools& tools, const ImportLimits& limits, storage::ImportJob job, std::string owner)
    : tools_(tools), limits_(limits), job_(std::move(job)), owner_(std::move(owner)), identity_(ImportIdentity(job_)) {
  if (job_.attempts > 1) {
    doubtful_until_ = job_.position + static_cast<int64_t>(limits.batch_rows * (limits.batches_in_flight + 1));
  }
}

ImportRun::~ImportRun() {
  // A call that is on its way writes into its batch.
  std::unique_lock lock(mutex_);
  answered_.wait(lock, [this] {
    return std::none_of(sent_.begin(), sent_.end(), [](const auto& sent) { return sent->running; });
  });
}

void ImportRun::Run() {
  log::Info("import: started",
            {{"tenant", job_.tenant}, {"import", job_.id}, {"position", job_.position}, {"attempt", job_.attempts}});
  End(Work());
}

absl::Status ImportRun::Work() {
  last_save_ = std::chrono::steady_clock::now();
  EMBUDO_RETURN_IF_ERROR(Prepare());
  EMBUDO_RETURN_IF_ERROR(ReadThrough());
  if (job_.links || job_.progress.dry_run() || !plan_->HasLinks()) return absl::OkStatus();

  // The records that rows of this file link to are there now.
  job_.links = true;
  job_.position = 0;
  EMBUDO_RETURN_IF_ERROR(Save());
  EMBUDO_ASSIGN_OR_RETURN(World world, LoadWorld(tools_.pipeline, identity_, *plan_, false));
  *world_ = std::move(world);
  mapper_.emplace(*plan_, world_->directory, true);
  return ReadThrough();
}

absl::Status ImportRun::Prepare() {
  EMBUDO_ASSIGN_OR_RETURN(const logic::TenantDefaults defaults, LoadDefaults(tools_.pipeline, identity_));
  FileRows rows(tools_.files, job_.tenant, job_.file_id, job_.mapping.format());
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> header, rows.Header());
  EMBUDO_ASSIGN_OR_RETURN(logic::ImportPlan plan, logic::MakePlan(job_.mapping, header, defaults));
  plan_ = std::move(plan);
  EMBUDO_ASSIGN_OR_RETURN(World world, LoadWorld(tools_.pipeline, identity_, *plan_, job_.progress.dry_run()));
  world_ = std::move(world);
  mapper_.emplace(*plan_, world_->directory, job_.links);
  WriteOptions options{job_.id, {}, job_.progress.run_automations()};
  options.match_by.assign(job_.progress.match_by().begin(), job_.progress.match_by().end());
  writer_.emplace(tools_.pipeline, identity_, *plan_, *world_, job_.progress.dry_run(), std::move(options));
  if (job_.progress.has_start_time()) return absl::OkStatus();
  EMBUDO_RETURN_IF_ERROR(CountRows());
  *job_.progress.mutable_start_time() = ToTimestamp(tools_.clock.Now());
  logic::NoteUnused(*plan_, &job_.progress);
  EMBUDO_RETURN_IF_ERROR(Tell(pipeline::v1::RecordImportRequest::STEP_STARTED));
  return Save();
}

absl::Status ImportRun::Tell(pipeline::v1::RecordImportRequest::Step step) {
  if (job_.progress.dry_run()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const v1::File file, tools_.files.Get(job_.tenant, job_.file_id, db::After(kSaveTimeout)));
  return TellOfImport(tools_.pipeline, identity_, job_, file.filename(), step);
}

absl::Status ImportRun::CountRows() {
  FileRows rows(tools_.files, job_.tenant, job_.file_id, job_.mapping.format());
  int64_t count = 0;
  text::CsvRow row;
  while (true) {
    const absl::StatusOr<bool> found = rows.Next(&row);
    if (!found.ok() && MayPass(found.status())) return found.status();
    if (!found.ok() || !*found) break;  // what is wrong with the file is told when the rows before it are done
    if (++count % 10000 == 0) EMBUDO_RETURN_IF_ERROR(KeepAlive());
  }
  job_.progress.set_rows_total(std::max<int64_t>(0, count - 1));
  return absl::OkStatus();
}

absl::Status ImportRun::ReadThrough() {
  FileRows rows(tools_.files, job_.tenant, job_.file_id, job_.mapping.format());
  EMBUDO_RETURN_IF_ERROR(rows.Header().status());
  rows_read_ = 0;
  filling_ = std::make_unique<Sent>();
  text::CsvRow row;
  absl::Status broken;
  while (true) {
    const absl::StatusOr<bool> found = rows.Next(&row);
    if (!found.ok()) broken = found.status();
    if (!found.ok() || !*found) break;
    if (++rows_read_ <= job_.position) continue;
    EMBUDO_RETURN_IF_ERROR(Take(std::move(row)));
  }
  EMBUDO_RETURN_IF_ERROR(Flush());
  EMBUDO_RETURN_IF_ERROR(SettleAll());
  return broken;
}

absl::Status ImportRun::Take(text::CsvRow row) {
  MappedRow mapped = mapper_->Map(std::move(row));
  if (job_.links && mapped.errors.empty() && !mapped.has_link) {
    filling_->end_position = rows_read_;
    return absl::OkStatus();
  }
  const std::vector<std::string> marks = MarksOf(mapped, job_.progress.match_by_size() > 0);
  if (std::any_of(marks.begin(), marks.end(), [this](const std::string& mark) { return ids_.contains(mark); })) {
    EMBUDO_RETURN_IF_ERROR(Flush());
    EMBUDO_RETURN_IF_ERROR(SettleAll());
  }
  ids_.insert(marks.begin(), marks.end());
  filling_->ids.insert(filling_->ids.end(), marks.begin(), marks.end());
  if (SizeOf(mapped) > kMaxRecordBytes) {
    mapped.record.reset();
    mapped.errors.push_back({"ROW_TOO_LONG", "", "the record is larger than 2 MiB"});
  }
  filling_->bytes += SizeOf(mapped);
  filling_->end_position = rows_read_;
  filling_->batch.rows.push_back(std::move(mapped));
  if (filling_->batch.rows.size() < limits_.batch_rows && filling_->bytes < limits_.batch_bytes) {
    return absl::OkStatus();
  }
  return Flush();
}

/// Sends the batch that is being filled.
absl::Status ImportRun::Flush() {
  if (filling_->batch.rows.empty()) return absl::OkStatus();
  while (sent_.size() >= limits_.batches_in_flight) EMBUDO_RETURN_IF_ERROR(SettleOldest());
  sent_.push_back(std::exchange(filling_, std::make_unique<Sent>()));
  return Send(*sent_.back());
}

absl::Status ImportRun::Send(Sent& sent) {
  milliseconds pause = kFirstPause;
  absl::Status missing = writer_->CreateMissing(sent.batch);
  while (MayPass(missing)) {
    EMBUDO_RETURN_IF_ERROR(Pause(missing, &pause));
    missing = writer_->CreateMissing(sent.batch);
  }
  EMBUDO_RETURN_IF_ERROR(missing);
  {
    const std::lock_guard lock(mutex_);
    sent.running = true;
  }
  const bool started = writer_->Start(sent.batch, [this, &sent] {
    const std::lock_guard lock(mutex_);
    sent.running = false;
    answered_.notify_all();
  });
  if (started) return absl::OkStatus();
  const std::lock_guard lock(mutex_);
  sent.running = false;
  return absl::OkStatus();
}

absl::Status ImportRun::WaitFor(const Sent& sent) {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (answered_.wait_for(lock, limits_.lease / 5, [&] { return !sent.running; })) return absl::OkStatus();
    }
    EMBUDO_RETURN_IF_ERROR(KeepAlive());
  }
}

absl::Status ImportRun::SettleAll() {
  while (!sent_.empty()) EMBUDO_RETURN_IF_ERROR(SettleOldest());
  return absl::OkStatus();
}

/// Waits for the oldest batch, sends it again as long as that may help, counts it, and keeps the checkpoint behind it.
absl::Status ImportRun::SettleOldest() {
  Sent& sent = *sent_.front();
  milliseconds pause = kFirstPause;
  EMBUDO_RETURN_IF_ERROR(WaitFor(sent));
  absl::Status status = writer_->Finish(sent.batch);
  while (MayPass(status)) {
    EMBUDO_RETURN_IF_ERROR(Pause(status, &pause));
    doubtful_until_ = std::max(doubtful_until_, sent.end_position);  // the answer may have been lost, not the call
    EMBUDO_RETURN_IF_ERROR(Send(sent));
    EMBUDO_RETURN_IF_ERROR(WaitFor(sent));
    status = writer_->Finish(sent.batch);
  }
  EMBUDO_RETURN_IF_ERROR(status);
  std::vector<storage::Refusal> refusals;
  storage::RowResults results;
  Count(sent, &refusals, &results);
  job_.position = sent.end_position;
  for (const std::string& id : sent.ids) ids_.erase(id);
  sent_.pop_front();
  return Save(refusals, results);
}

void ImportRun::Count(const Sent& sent, std::vector<storage::Refusal>* refusals, storage::RowResults* results) {
  if (!sent.batch.rows.empty() && !job_.links) {
    results->first_row = sent.batch.rows.front().row.number;
    results->last_row = sent.batch.rows.back().row.number;
  }
  for (size_t i = 0; i < sent.batch.rows.size(); ++i) {
    const MappedRow& row = sent.batch.rows[i];
    if (job_.links) {
      // Counted by the first reading; only what the links brought is new.
      MappedRow links;
      links.row = row.row;
      for (const logic::Issue& warning : row.warnings) {
        const bool linked = std::any_of(plan_->columns.begin(), plan_->columns.end(), [&](const auto& column) {
          return column.link && column.header == warning.column;
        });
        if (linked || warning.code == "LINK_TO_ITSELF") links.warnings.push_back(warning);
      }
      logic::CountWarnings(links, &job_.progress);
    } else if (row.errors.empty()) {
      const Outcome outcome = TrueOutcome(sent, i);
      const bool merged = i < sent.batch.matched.size() && sent.batch.matched[i];
      logic::CountWritten(row, outcome, &job_.progress);
      if (merged) job_.progress.set_merged(job_.progress.merged() + 1);
      // What a dry run would create has no name yet.
      const bool named = i < sent.batch.names.size() && !(job_.progress.dry_run() && outcome == Outcome::kCreated);
      const std::string name = named ? sent.batch.names[i] : "";
      results->lines += logic::ResultLine(row, merged ? "merged" : logic::StatusOf(outcome), name);
    } else {
      logic::CountRefused(row, &job_.progress);
      results->lines += logic::ResultLine(row, "refused", "");
      if (!job_.progress.dry_run()) {
        refusals->push_back({row.row.number, text::CsvLine(logic::RefusedLine(row))});
      }
    }
  }
}

/// A row whose first writing may have been without an answer is found unchanged; if its record is younger than the
/// import, it was the import that made it.
Outcome ImportRun::TrueOutcome(const Sent& sent, size_t row) const {
  const Outcome outcome = sent.batch.outcomes[row].value_or(Outcome::kUnchanged);
  if (outcome != Outcome::kUnchanged || job_.progress.dry_run() || sent.end_position > doubtful_until_) return outcome;
  const Time start = FromTimestamp(job_.progress.start_time());
  return MadeAt(sent.batch.names[row]) >= std::chrono::floor<milliseconds>(start) ? Outcome::kCreated : outcome;
}

absl::Status ImportRun::Save(const std::vector<storage::Refusal>& refusals, const storage::RowResults& results) {
  EMBUDO_RETURN_IF_ERROR(tools_.imports.Save(&job_, owner_, tools_.clock.Now() + limits_.lease, refusals, results,
                                             db::After(kSaveTimeout)));
  last_save_ = std::chrono::steady_clock::now();
  const bool open = job_.progress.state() == ImportMetadata::STATE_RUNNING;
  return open && job_.cancel_requested ? Cancelled() : absl::OkStatus();
}

/// Prolongs the lease if that is due, and notices that the work is to stop.
absl::Status ImportRun::KeepAlive() {
  if (tools_.stopping) return Interrupted("the process ends");
  if (std::chrono::steady_clock::now() - last_save_ < limits_.lease / 5) return absl::OkStatus();
  return Save();
}

absl::Status ImportRun::Pause(const absl::Status& because, milliseconds* pause) {
  log::Warning("import: waits for the pipeline service",
               {{"import", job_.id}, {"reason", ReasonOf(because)}, {"status", static_cast<int>(because.code())}});
  {
    std::unique_lock lock(mutex_);
    answered_.wait_for(lock, *pause, [this] { return tools_.stopping.load(); });
  }
  *pause = std::min(*pause * 2, kLongestPause);
  return KeepAlive();
}

void ImportRun::End(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  if (reason == "IMPORT_INTERRUPTED" || IsClosed(status)) {
    tools_.imports.Release(job_, owner_, db::After(std::chrono::seconds(5))).IgnoreError();
    return;
  }
  if (reason == "LEASE_LOST") return;
  if (reason != "IMPORT_CANCELLED" && MayPass(status)) {
    // The database or the pipeline service is away. When the lease has run out, somebody goes on.
    log::Warning("import: left for later", {{"import", job_.id}, {"reason", reason}});
    return;
  }
  ImportMetadata& progress = job_.progress;
  progress.set_state(status.ok() ? ImportMetadata::STATE_SUCCEEDED : ImportMetadata::STATE_FAILED);
  if (reason == "IMPORT_CANCELLED") progress.set_state(ImportMetadata::STATE_CANCELLED);
  *progress.mutable_end_time() = ToTimestamp(tools_.clock.Now());
  if (!status.ok()) job_.error = ToRpcStatus(status);
  // The log is told first: whoever goes on after a crash here tells it the same, and it is there once.
  const absl::Status told = Tell(pipeline::v1::RecordImportRequest::STEP_FINISHED);
  if (IsClosed(told)) {
    tools_.imports.Release(job_, owner_, db::After(std::chrono::seconds(5))).IgnoreError();
    return;
  }
  if (MayPass(told)) {
    log::Warning("import: left for later", {{"import", job_.id}, {"reason", ReasonOf(told)}});
    return;
  }
  const absl::Status saved = Save();
  log::Info("import: ended", {{"tenant", job_.tenant},
                              {"import", job_.id},
                              {"state", ImportMetadata::State_Name(progress.state())},
                              {"rows", progress.rows_done()},
                              {"refused", progress.refused()},
                              {"saved", saved.ok()}});
}

}  // namespace embudo::capture::events
