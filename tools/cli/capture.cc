// What comes in by the channels, and what became of it.

#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <iterator>

#include "common/base/error.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/pipeline/v1/touch_service.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/fields.h"
#include "tools/cli/pages.h"

namespace embudo::cli {
namespace {

using capture::v1::Submission;

struct Flags {
  std::string name;
  std::string lead;
  std::vector<std::string> set;
  std::vector<std::string> touch;
  std::string form;
  std::string client;
  bool validate_only = false;
  bool open_only = false;
  int limit = 50;
  std::string file;
};

constexpr char kCapture[] = "embudo.capture.v1.CaptureService/";

template <class Response>
absl::StatusOr<int> Show(Context& context, const std::string& method, const google::protobuf::Message& request) {
  EMBUDO_ASSIGN_OR_RETURN(const Response response, context.Call<Response>(kCapture + method, request));
  context.output().Object(ToJson(response));
  return 0;
}

absl::StatusOr<int> CaptureLead(Context& context, const Flags& flags) {
  capture::v1::CaptureLeadRequest request;
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_lead(), flags.set, nullptr));
  EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_touch(), flags.touch, nullptr));
  if (!flags.form.empty()) {
    request.mutable_payload()->mutable_web_form()->set_form(flags.form);
  } else if (!flags.client.empty()) {
    request.mutable_payload()->mutable_api()->set_client(flags.client);
  } else {
    request.mutable_payload()->mutable_manual();
  }
  request.set_validate_only(flags.validate_only);
  request.set_request_id(NewRequestId());
  return Show<capture::v1::CaptureLeadResponse>(context, "CaptureLead", request);
}

absl::StatusOr<int> ListSubmissions(Context& context, const Flags& flags) {
  using Response = capture::v1::ListSubmissionsResponse;
  capture::v1::ListSubmissionsRequest request;
  if (!flags.lead.empty()) request.set_lead(NameOf("leads", flags.lead));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                          ListPages<Response>(
                              context, std::string(kCapture) + "ListSubmissions", request, flags.limit,
                              [](const Response& page) -> const auto& { return page.submissions(); }));
  context.output().Rows(rows, {{"TIME", "create_time"},
                               {"CHANNEL", "channel"},
                               {"OUTCOME", "outcome"},
                               {"LEAD", "lead"},
                               {"REASON", "reason"},
                               {"NAME", "name"}});
  return 0;
}

absl::StatusOr<int> GetSubmission(Context& context, const Flags& flags) {
  capture::v1::GetSubmissionRequest request;
  request.set_name(NameOf("submissions", flags.name));
  return Show<Submission>(context, "GetSubmission", request);
}

absl::StatusOr<int> GetContent(Context& context, const Flags& flags) {
  capture::v1::GetSubmissionContentRequest request;
  request.set_name(NameOf("submissions", flags.name));
  int64_t size = 0;
  do {
    EMBUDO_ASSIGN_OR_RETURN(const auto piece, context.Call<capture::v1::GetSubmissionContentResponse>(
                                                  std::string(kCapture) + "GetSubmissionContent", request));
    context.output().stream() << piece.data();
    if (piece.data().empty()) break;
    request.set_offset(request.offset() + static_cast<int64_t>(piece.data().size()));
    size = piece.size_bytes();
  } while (request.offset() < size);
  return 0;
}

absl::StatusOr<int> Replay(Context& context, const Flags& flags) {
  capture::v1::ReplaySubmissionRequest request;
  request.set_name(NameOf("submissions", flags.name));
  request.set_validate_only(flags.validate_only);
  request.set_request_id(NewRequestId());
  return Show<Submission>(context, "ReplaySubmission", request);
}

absl::StatusOr<int> FindDuplicates(Context& context, const Flags& flags) {
  capture::v1::FindDuplicatesRequest request;
  if (!flags.lead.empty()) request.set_lead(NameOf("leads", flags.lead));
  if (!flags.set.empty()) EMBUDO_RETURN_IF_ERROR(SetFields(*request.mutable_draft(), flags.set, nullptr));
  request.set_open_only(flags.open_only);
  request.set_max_results(flags.limit);
  EMBUDO_ASSIGN_OR_RETURN(const auto found, context.Call<capture::v1::FindDuplicatesResponse>(
                                                std::string(kCapture) + "FindDuplicates", request));
  std::vector<Json> rows;
  for (const auto& duplicate : found.duplicates()) rows.push_back(ToJson(duplicate));
  context.output().Rows(rows,
                        {{"CONFIDENCE", "confidence"}, {"REASONS", "reasons"}, {"STATE", "state"}, {"LEAD", "lead"}});
  for (const std::string& warning : found.warnings()) std::cerr << "warning: " << warning << "\n";
  return 0;
}

absl::StatusOr<int> ListTouches(Context& context, const Flags& flags) {
  using Response = pipeline::v1::ListTouchesResponse;
  pipeline::v1::ListTouchesRequest request;
  request.set_parent(NameOf("leads", flags.lead));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                          ListPages<Response>(
                              context, "embudo.pipeline.v1.TouchService/ListTouches", request, flags.limit,
                              [](const Response& page) -> const auto& { return page.touches(); }));
  context.output().Rows(rows, {{"TIME", "touch_time"},
                               {"CHANNEL", "channel"},
                               {"SOURCE", "source"},
                               {"MEDIUM", "medium"},
                               {"CAMPAIGN", "campaign"},
                               {"PAGE", "landing_page"},
                               {"NAME", "name"}});
  return 0;
}

absl::StatusOr<int> GetSettings(Context& context, const Flags&) {
  return Show<capture::v1::CaptureSettings>(context, "GetCaptureSettings", capture::v1::GetCaptureSettingsRequest());
}

absl::StatusOr<int> SetSettings(Context& context, const Flags& flags) {
  std::ifstream file(flags.file, std::ios::binary);
  if (!file) {
    return Error(absl::StatusCode::kNotFound, "FILE_NOT_READABLE", "can't read " + flags.file).Meta("file", flags.file);
  }
  const std::string json(std::istreambuf_iterator<char>(file), {});
  capture::v1::UpdateCaptureSettingsRequest request;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, request.mutable_settings());
  if (!parsed.ok()) return InvalidField("settings", flags.file + ": " + parsed.message().ToString());
  request.set_validate_only(flags.validate_only);
  return Show<capture::v1::CaptureSettings>(context, "UpdateCaptureSettings", request);
}

using Action = absl::StatusOr<int> (*)(Context&, const Flags&);

}  // namespace

void AddCapture(CLI::App& app, Context& context) {
  CLI::App& capture = *app.add_subcommand("capture", "What comes in by the channels, and what became of it");
  capture.require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  const auto add = [&](CLI::App& parent, const char* name, const char* help, Action action) -> CLI::App& {
    CLI::App& command = *parent.add_subcommand(name, help);
    command.callback(
        [&context, flags, action] { context.command = [&context, flags, action] { return action(context, *flags); }; });
    return command;
  };
  const auto limited = [&](CLI::App& command) {
    command.add_option("--limit", flags->limit, "Most to show")->check(CLI::PositiveNumber)->capture_default_str();
  };

  CLI::App& lead =
      add(capture, "lead", "Takes a lead in: creates it, or attaches it to the one that is there", CaptureLead);
  lead.add_option("fields", flags->set, "What is known of it, as field=value");
  lead.add_option("--touch", flags->touch, "The visit that led here, as field=value: source, medium, campaign …");
  lead.add_option("--form", flags->form, "It came by this form");
  lead.add_option("--client", flags->client, "It came by the API, from this system");
  lead.add_flag("--validate-only", flags->validate_only, "Tell what would become of it");

  CLI::App& submissions = *capture.add_subcommand("submissions", "What came in");
  submissions.require_subcommand(1);
  CLI::App& list = add(submissions, "list", "The newest first", ListSubmissions);
  list.add_option("--lead", flags->lead, "Of this lead");
  limited(list);
  for (CLI::App* command : {&add(submissions, "get", "One, with what the channel delivered", GetSubmission),
                            &add(submissions, "content", "What came, byte by byte", GetContent),
                            &add(submissions, "replay", "Deals with one again", Replay)}) {
    command->add_option("submission", flags->name, "Its name or id")->required();
    if (command->get_name() == "replay") {
      command->add_flag("--validate-only", flags->validate_only, "Tell what would become of it");
    }
  }

  CLI::App& duplicates = add(capture, "duplicates", "Leads that may be the same as one", FindDuplicates);
  duplicates.add_option("fields", flags->set, "What is known of a lead that is to be, as field=value");
  duplicates.add_option("--lead", flags->lead, "A lead that is there");
  duplicates.add_flag("--open-only", flags->open_only, "Only open leads");
  limited(duplicates);
  CLI::App& touches = add(capture, "touches", "The touches of a lead, the first one first", ListTouches);
  touches.add_option("lead", flags->lead, "The lead's name or id")->required();
  limited(touches);

  CLI::App& settings = *capture.add_subcommand("settings", "What is done about duplicates");
  settings.require_subcommand(1);
  add(settings, "get", "The tenant's rules, and the default ones", GetSettings);
  CLI::App& set = add(settings, "set", "Replaces the tenant's rules", SetSettings);
  set.add_option("file", flags->file, "CaptureSettings in JSON")->required();
  set.add_flag("--validate-only", flags->validate_only, "Only check");
}

}  // namespace embudo::cli
