#include "services/capture/events/mail_gateway.h"

#include <prometheus/counter.h>

#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/ascii.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "common/base/sha256.h"
#include "common/filter/schema.h"
#include "common/log/log.h"
#include "common/text/email.h"
#include "common/text/unicode.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "services/capture/events/mail_conversation.h"
#include "services/capture/mail/charset.h"
#include "services/capture/mail/classify.h"
#include "services/capture/mail/fold.h"
#include "services/capture/mail/parse.h"
#include "services/capture/mail/token.h"

namespace embudo::capture::events {
namespace {

namespace api = pipeline::v1;
using mail::Mail;
using type::v1::Message;
using v1::InboundEmail;
using v1::MailSettings;
using v1::Submission;

constexpr size_t kMaxDeliveryError = 500;
constexpr size_t kMaxAliases = 40;

bool IsGone(const absl::Status& status) {
  return status.code() == absl::StatusCode::kNotFound || status.code() == absl::StatusCode::kInvalidArgument ||
         status.code() == absl::StatusCode::kFailedPrecondition;
}

/// `leads/l/messages/m` → `leads/l`.
std::string LeadOf(const std::string& message) { return message.substr(0, message.find('/', 6)); }

/// One mail on its way.
class Reception {
 public:
  Reception(Intake& intake, storage::MailStore& store, embudo::rpc::Client& pipeline, const Bringer& who,
            const std::vector<std::string>& recipients, const std::string& bytes)
      : intake_(intake),
        store_(store),
        pipeline_(pipeline),
        who_{who.tenant, CaptureIdentity(who.tenant), who.deadline},
        bytes_(bytes),
        mail_(mail::Parse(bytes)),
        folded_(mail::Fold(mail_.text)),
        key_(mail_.message_id.empty() ? "sha256:" + Sha256Hex(bytes) : mail_.message_id),
        conversation_(pipeline, who_.identity, key_) {
    TakeRecipients(recipients);
  }

  absl::StatusOr<v1::ReceiveMailResponse> Run() {
    EMBUDO_ASSIGN_OR_RETURN(settings_, store_.Settings(who_.tenant, who_.deadline));
    traits_ = mail::Classify(mail_, {settings_.own_addresses().begin(), settings_.own_addresses().end()});
    FillRequest();
    if (!traits_.loop.empty()) return Keep(InboundEmail::KIND_LOOP, Submission::OUTCOME_IGNORED, traits_.loop);
    EMBUDO_ASSIGN_OR_RETURN(known_, conversation_.Find(IdsToAskFor()));
    const auto same = known_.find(mail_.message_id);
    if (!mail_.message_id.empty() && same != known_.end()) return CameBefore(same->second);
    if (traits_.bounce || traits_.delivery_notice) return Bounce();
    EMBUDO_ASSIGN_OR_RETURN(const std::string lead, LeadThatItAnswers());
    if (!lead.empty()) return Reply(lead);
    if (traits_.spam) {
      return Keep(InboundEmail::KIND_SPAM, Submission::OUTCOME_SPAM, "a filter before us marked it as spam");
    }
    if (traits_.automatic) {
      return Keep(InboundEmail::KIND_AUTO_REPLY, Submission::OUTCOME_IGNORED,
                  "a machine wrote it, as one sees by " + traits_.automatic_by);
    }
    if (!traits_.list_by.empty() && settings_.mailing_lists() == MailSettings::MAILING_LISTS_IGNORE) {
      return Keep(InboundEmail::KIND_MAILING_LIST, Submission::OUTCOME_IGNORED,
                  "it was written to a mailing list, as one sees by " + traits_.list_by);
    }
    EMBUDO_ASSIGN_OR_RETURN(const std::string team, TeamByAlias());
    if (team.empty() && settings_.catch_all() == MailSettings::CATCH_ALL_REJECT) {
      return Keep(InboundEmail::KIND_NO_RECIPIENT, Submission::OUTCOME_REJECTED, "no team has one of its addresses");
    }
    return NewLead(team);
  }

 private:
  void TakeRecipients(const std::vector<std::string>& envelope) {
    const auto add = [&](std::string_view address) {
      const auto normal = text::NormaliseEmail(address);
      if (!normal.ok() || recipients_.size() >= kMaxAliases) return;
      if (std::find(recipients_.begin(), recipients_.end(), *normal) == recipients_.end()) {
        recipients_.push_back(*normal);
      }
    };
    for (const std::string& address : envelope) add(address);
    for (const char* header : {"delivered-to", "x-original-to", "envelope-to", "x-envelope-to"}) {
      for (const std::string_view value : mail_.HeaderValues(header)) add(value);
    }
    for (const auto* list : {&mail_.to, &mail_.cc}) {
      for (const mail::Address& address : *list) add(address.address);
    }
  }

  void FillRequest() {
    InboundEmail& email = *request_.mutable_payload()->mutable_email();
    email.set_message_id(mail_.message_id);
    if (mail_.Sender() != nullptr) email.set_from(mail_.Sender()->ToString());
    email.set_subject(mail_.subject);
    email.set_text(folded_.body);
    for (const mail::Address& address : mail_.to) email.add_to(address.ToString());
    for (const mail::Address& address : mail_.cc) email.add_cc(address.ToString());
    for (const std::string& id : Ancestors()) email.add_in_reply_to(id);
    if (mail_.date) *email.mutable_date() = ToTimestamp(*mail_.date);
    email.mutable_defects()->Assign(mail_.defects.begin(), mail_.defects.end());
    request_.set_request_id(RequestId(""));
  }

  std::string RequestId(const std::string& more) const {
    return Uuid::V5(EmbudoUuidSpace(), "mail:" + who_.tenant + ":" + key_ + more).ToString();
  }

  /// The mails that it answers, the nearest first.
  std::vector<std::string> Ancestors() const {
    std::vector<std::string> ids = mail_.in_reply_to;
    for (auto id = mail_.references.rbegin(); id != mail_.references.rend(); ++id) {
      if (std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*id);
    }
    return ids;
  }

  std::vector<std::string> IdsToAskFor() const {
    std::vector<std::string> ids = {mail_.message_id, mail_.original_message_id};
    for (std::string& id : Ancestors()) ids.push_back(std::move(id));
    return ids;
  }

  absl::StatusOr<v1::ReceiveMailResponse> CameBefore(const Message& message) {
    if (message.type() == Message::TYPE_EMAIL_OUT) {
      return Keep(InboundEmail::KIND_LOOP, Submission::OUTCOME_IGNORED, "it is one of our own mails");
    }
    v1::ReceiveMailResponse response;
    if (message.subject() != mail_.subject || message.body() != folded_.body ||
        message.attachments_size() != static_cast<int>(mail_.attachments.size())) {
      // Two mails that say the same of themselves and are not: the second is kept for whoever looks for it.
      request_.set_request_id(RequestId(":" + Sha256Hex(bytes_)));
      EMBUDO_ASSIGN_OR_RETURN(response, Keep(InboundEmail::KIND_DUPLICATE, Submission::OUTCOME_IGNORED,
                                             "another mail of this Message-ID came before", LeadOf(message.name())));
      response.set_message(message.name());
      return response;
    }
    response.set_kind(InboundEmail::KIND_DUPLICATE);
    response.set_outcome(Submission::OUTCOME_IGNORED);
    response.set_lead(LeadOf(message.name()));
    response.set_message(message.name());
    response.set_reason("it came before");
    return response;
  }

  absl::StatusOr<v1::ReceiveMailResponse> Bounce() {
    const auto kind = traits_.bounce ? InboundEmail::KIND_BOUNCE : InboundEmail::KIND_DELIVERY_NOTICE;
    const Message* bounced = nullptr;
    for (const std::string& id : IdsToAskFor()) {
      const auto found = known_.find(id);
      if (found == known_.end() || found->second.type() != Message::TYPE_EMAIL_OUT) continue;
      bounced = &found->second;
      break;
    }
    if (bounced == nullptr) {
      return Keep(kind, Submission::OUTCOME_IGNORED, "it is about a mail that nobody here knows");
    }
    std::string reason = ReportText();
    if (traits_.bounce) EMBUDO_RETURN_IF_ERROR(RecordBounce(*bounced, reason));
    EMBUDO_ASSIGN_OR_RETURN(v1::ReceiveMailResponse response,
                            Keep(kind, Submission::OUTCOME_IGNORED, reason, LeadOf(bounced->name())));
    response.set_message(bounced->name());
    return response;
  }

  absl::Status RecordBounce(const Message& message, std::string& reason) {
    api::RecordDeliveryRequest request;
    request.set_name(message.name());
    request.set_delivery_state(Message::DELIVERY_STATE_BOUNCED);
    request.set_delivery_error(reason);
    const absl::Status status =
        pipeline_.Call<Message>("embudo.pipeline.v1.MessageService/RecordDelivery", who_.identity, request).status();
    if (!IsGone(status)) return status;
    reason = "not recorded: " + MessageOf(status);
    return absl::OkStatus();
  }

  /// `ada@example.com: 5.1.1 no such user`.
  std::string ReportText() const {
    if (mail_.reports.empty()) return text::CutText(mail_.subject, kMaxDeliveryError);
    const auto failed = std::find_if(mail_.reports.begin(), mail_.reports.end(),
                                     [](const mail::DeliveryReport& report) { return report.action == "failed"; });
    const mail::DeliveryReport& report = failed == mail_.reports.end() ? mail_.reports.front() : *failed;
    std::string text = report.recipient + ":";
    for (const std::string& part : {report.status, report.diagnostic}) {
      if (!part.empty()) text += " " + part;
    }
    return text::CutText(std::move(text), kMaxDeliveryError);
  }

  /// The lead whose conversation it goes on with; empty if it is no reply.
  absl::StatusOr<std::string> LeadThatItAnswers() {
    for (const std::string& id : Ancestors()) {
      const auto found = known_.find(id);
      if (found != known_.end()) return LeadOf(found->second.name());
    }
    for (const std::string& recipient : recipients_) {
      const std::string_view token = mail::PlusPart(recipient);
      if (token.empty()) continue;
      EMBUDO_ASSIGN_OR_RETURN(const std::string secret, store_.TokenSecret(who_.tenant, who_.deadline));
      const auto lead = mail::LeadOfToken(secret, token);
      if (!lead) continue;
      api::GetLeadRequest request;
      request.set_name("leads/" + *lead);
      const auto found =
          pipeline_.Call<type::v1::Lead>("embudo.pipeline.v1.LeadService/GetLead", who_.identity, request);
      if (found.ok()) return found->name();
      if (found.status().code() != absl::StatusCode::kNotFound) return found.status();
    }
    return std::string();
  }

  absl::StatusOr<v1::ReceiveMailResponse> Reply(const std::string& lead) {
    const bool automatic = traits_.automatic;
    const std::string reason = automatic ? "a machine wrote it, as one sees by " + traits_.automatic_by : "";
    const auto kind = automatic ? InboundEmail::KIND_AUTO_REPLY : InboundEmail::KIND_REPLY;
    EMBUDO_ASSIGN_OR_RETURN(v1::ReceiveMailResponse response, Keep(kind, Submission::OUTCOME_ATTACHED, reason, lead));
    EMBUDO_RETURN_IF_ERROR(AddTo(lead, response));
    return response;
  }

  absl::Status AddTo(const std::string& lead, v1::ReceiveMailResponse& response) {
    const auto message = conversation_.Add(lead, mail_, folded_, traits_.automatic);
    if (message.ok()) {
      response.set_message(*message);
    } else if (IsGone(message.status())) {
      // It is kept, and somebody who looks at it sees why it is not in the conversation.
      response.set_reason("not added to the conversation: " + MessageOf(message.status()));
      log::Warning("mail: not added to a conversation", {{"reason", ReasonOf(message.status())}});
    } else {
      return message.status();
    }
    return absl::OkStatus();
  }

  /// The team that has one of the recipients for its alias; empty if none has.
  absl::StatusOr<std::string> TeamByAlias() {
    std::string filter;
    for (const std::string& recipient : recipients_) {
      const size_t at = recipient.rfind('@');
      std::string local = recipient.substr(0, at);
      local.erase(std::min(local.find('+'), local.size()));
      const bool in_domain = settings_.mail_domain().empty() || recipient.substr(at + 1) == settings_.mail_domain();
      std::vector<std::string> names = {recipient, local + recipient.substr(at)};
      if (in_domain) names.push_back(local);
      for (const std::string& name : names) {
        if (name.find_first_of("\"\\") != std::string::npos || filter.size() > 3500) continue;
        filter += (filter.empty() ? "alias = \"" : " OR alias = \"") + name + "\"";
      }
    }
    if (filter.empty()) return std::string();
    api::ListTeamsRequest request;
    request.set_page_size(1);
    request.set_filter(filter);
    EMBUDO_ASSIGN_OR_RETURN(
        const api::ListTeamsResponse response,
        pipeline_.Call<api::ListTeamsResponse>("embudo.pipeline.v1.TeamService/ListTeams", who_.identity, request));
    return response.teams_size() == 0 ? std::string() : response.teams(0).name();
  }

  absl::StatusOr<v1::ReceiveMailResponse> NewLead(const std::string& team) {
    request_.mutable_lead()->set_team(team);
    request_.mutable_payload()->mutable_email()->set_kind(InboundEmail::KIND_NEW_LEAD);
    EMBUDO_ASSIGN_OR_RETURN(const v1::CaptureLeadResponse taken,
                            Once([&] { return intake_.Take(who_, request_, RawMail()); }));
    v1::ReceiveMailResponse response = AnswerOf(taken);
    if (!taken.lead().empty()) EMBUDO_RETURN_IF_ERROR(AddTo(taken.lead(), response));
    return response;
  }

  absl::StatusOr<v1::ReceiveMailResponse> Keep(InboundEmail::Kind kind, Submission::Outcome outcome,
                                               const std::string& reason, const std::string& lead = "") {
    request_.mutable_payload()->mutable_email()->set_kind(kind);
    EMBUDO_ASSIGN_OR_RETURN(const v1::CaptureLeadResponse kept,
                            Once([&] { return intake_.Keep(who_, request_, outcome, reason, lead, RawMail()); }));
    return AnswerOf(kept);
  }

  /// A mail that has the Message-ID of another, and is another, is kept beside it.
  template <class Call>
  absl::StatusOr<v1::CaptureLeadResponse> Once(Call call) {
    auto answer = call();
    if (ReasonOf(answer.status()) != "REQUEST_ID_REUSED") return answer;
    request_.clear_request_id();
    request_.set_request_id(RequestId(":" + Sha256Hex(request_.SerializeAsString())));
    return call();
  }

  Raw RawMail() const { return {"message/rfc822", bytes_}; }

  v1::ReceiveMailResponse AnswerOf(const v1::CaptureLeadResponse& kept) const {
    v1::ReceiveMailResponse response;
    response.set_kind(request_.payload().email().kind());
    response.set_outcome(kept.outcome());
    response.set_lead(kept.lead());
    response.set_submission(kept.submission());
    response.set_reason(kept.reason());
    return response;
  }

  Intake& intake_;
  storage::MailStore& store_;
  embudo::rpc::Client& pipeline_;
  const Bringer who_;
  const std::string& bytes_;
  Mail mail_;
  const mail::Folded folded_;
  const std::string key_;
  MailConversation conversation_;
  /// In their normal form, those of the envelope first.
  std::vector<std::string> recipients_;
  MailSettings settings_;
  mail::Traits traits_;
  v1::CaptureLeadRequest request_;
  /// Mails of our conversations that this one names, by Message-ID.
  std::map<std::string, Message> known_;
};

}  // namespace

absl::StatusOr<v1::ReceiveMailResponse> MailGateway::Receive(const Bringer& who,
                                                             const std::vector<std::string>& recipients,
                                                             const std::string& bytes) {
  if (bytes.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Error(absl::StatusCode::kInvalidArgument, "MAIL_EMPTY", "content: there is no mail")
        .Field("content", "is empty");
  }
  if (bytes.size() > mail::kMaxMailBytes) {
    return Error(absl::StatusCode::kInvalidArgument, "MAIL_TOO_LARGE", "content: is larger than 25 MiB")
        .Field("content", "is larger than 25 MiB");
  }
  EMBUDO_ASSIGN_OR_RETURN(v1::ReceiveMailResponse response,
                          Reception(intake_, store_, pipeline_, who, recipients, bytes).Run());
  metrics_
      .Counter("embudo_capture_mails_total", "Mails that came in, by what they are and what became of them",
               {{"kind", absl::AsciiStrToLower(
                             filter::ShortName(*InboundEmail::Kind_descriptor()->FindValueByNumber(response.kind())))},
                {"outcome", absl::AsciiStrToLower(filter::ShortName(
                                *Submission::Outcome_descriptor()->FindValueByNumber(response.outcome())))}})
      .Increment();
  return response;
}

}  // namespace embudo::capture::events
