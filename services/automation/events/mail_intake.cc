#include "services/automation/events/mail_intake.h"

#include <string>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "services/automation/logic/mail.h"
#include "services/automation/storage/assignments.h"
#include "services/automation/storage/mails.h"
#include "services/automation/storage/templates.h"

namespace embudo::automation::events {
namespace {

using type::v1::Event;
using type::v1::Message;
using v1::Mail;

bool IsMailOut(const Event& event) {
  return event.data().has_message() && event.data().message().type() == Message::TYPE_EMAIL_OUT;
}

storage::WrittenMail QueuedMail(const Event& event, Time now) {
  const Message& message = event.data().message();
  storage::WrittenMail written{event.tenant(), {}};
  Mail& mail = written.mail;
  mail.set_name("mails/" + IdOf(message.name()));
  mail.set_state(Mail::STATE_QUEUED);
  mail.set_lead(logic::LeadOfMessage(message.name()));
  logic::TakeOver(message, mail);
  mail.set_template_(message.template_());
  mail.set_rule(event.cause().rule());
  mail.set_event_id(event.cause().event_id());
  mail.set_depth(event.cause().depth());
  *mail.mutable_create_time() = *mail.mutable_update_time() = *mail.mutable_next_attempt_time() = ToTimestamp(now);
  return written;
}

}  // namespace

absl::StatusOr<bool> TakeInMails(db::Connection& connection, const std::vector<Event>& events, Time now) {
  std::vector<storage::WrittenMail> queued;
  std::vector<storage::Bounce> bounced;
  for (const Event& event : events) {
    if (event.type() == "tenant.created") {
      EMBUDO_RETURN_IF_ERROR(storage::SeedTemplates(connection, event.tenant(), now));
    } else if (event.data().has_user()) {
      const type::v1::User& user = event.data().user();
      EMBUDO_RETURN_IF_ERROR(
          storage::SaveUserTimeZone(connection, event.tenant(), IdOf(user.name()), user.time_zone()));
    } else if (event.data().has_erasure()) {
      std::vector<std::string> leads;
      for (const std::string& lead : event.data().erasure().leads()) leads.push_back(IdOf(lead));
      EMBUDO_RETURN_IF_ERROR(storage::EraseReceivers(connection, event.tenant(), leads));
    } else if (IsMailOut(event)) {
      const Message& message = event.data().message();
      if (event.type() == "message.created" && message.delivery_state() == Message::DELIVERY_STATE_QUEUED) {
        queued.push_back(QueuedMail(event, now));
      } else if (message.delivery_state() == Message::DELIVERY_STATE_BOUNCED) {
        bounced.push_back({event.tenant(), IdOf(message.name()), message.delivery_error()});
      }
    }
  }
  EMBUDO_RETURN_IF_ERROR(storage::InsertMails(connection, queued));
  EMBUDO_RETURN_IF_ERROR(storage::RecordBounces(connection, bounced, now));
  return !queued.empty();
}

}  // namespace embudo::automation::events
