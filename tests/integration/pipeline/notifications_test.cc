// What users are told, and that it is theirs alone.

#include <thread>

#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/notification_service.pb.h"
#include "embudo/type/v1/notification.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::ListNotificationsResponse;
using pipeline::v1::MarkNotificationsReadResponse;
using pipeline::v1::NotifyUsersResponse;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using type::v1::Notification;

class NotificationTest : public PipelineTest {
 protected:
  NotificationTest() {
    CreateUser("ana");
    CreateUser("bob");
    lead_ = CreateLead().name();
  }

  Caller Rep(const std::string& id) const { return As(type::v1::ROLE_REP, "users/" + id); }

  pipeline::v1::NotifyUsersRequest Telling(const std::vector<std::string>& users,
                                           const std::string& text = "Stale") const {
    pipeline::v1::NotifyUsersRequest request;
    request.set_lead(lead_);
    for (const std::string& user : users) request.add_users("users/" + user);
    request.set_text(text);
    return request;
  }
  /// Tells one user and returns the notification's name.
  std::string Tell(const std::string& user, const std::string& text = "Stale") const {
    const auto told = service_.Must<NotifyUsersResponse>(Telling({user}, text));
    return told.notifications_size() == 1 ? told.notifications(0).name() : "";
  }
  static pipeline::v1::ListNotificationsRequest Of(const std::string& parent, const std::string& filter = "") {
    pipeline::v1::ListNotificationsRequest request;
    request.set_parent(parent);
    request.set_filter(filter);
    return request;
  }
  std::vector<std::string> Unread(const std::string& user) const {
    std::vector<std::string> names;
    const auto page = Rep(user).Must<ListNotificationsResponse>(Of("users/me", "NOT read_time:*"));
    for (const Notification& notification : page.notifications()) names.push_back(notification.name());
    return names;
  }
  static pipeline::v1::MarkNotificationsReadRequest Marking(const std::vector<std::string>& names,
                                                            const std::string& parent = "users/me") {
    pipeline::v1::MarkNotificationsReadRequest request;
    request.set_parent(parent);
    for (const std::string& name : names) request.add_names(name);
    return request;
  }
  int Mark(const std::string& user, const std::vector<std::string>& names) const {
    return Rep(user).Must<MarkNotificationsReadResponse>(Marking(names)).marked_count();
  }
  absl::StatusOr<Notification> Get(const std::string& user, const std::string& name) const {
    pipeline::v1::GetNotificationRequest request;
    request.set_name(name);
    return Rep(user).Call<Notification>(request);
  }

  std::string lead_;
};

TEST_F(NotificationTest, ARuleTellsUsers) {
  CreateUser("gone", type::v1::User::VISIBILITY_ALL, /*disabled=*/true);
  const size_t events = Events().size();
  const auto told = service_.Must<NotifyUsersResponse>(Telling({"bob", "ana", "gone", "bob"}));
  ASSERT_EQ(told.notifications_size(), 2);
  const Notification& first = told.notifications(0);
  EXPECT_TRUE(first.name().starts_with("users/ana/notifications/")) << first.name();
  EXPECT_EQ(first.kind(), Notification::KIND_RULE);
  EXPECT_EQ(first.lead(), lead_);
  EXPECT_EQ(first.subject(), lead_);
  EXPECT_EQ(first.text(), "Stale");
  EXPECT_EQ(first.actor(), "services/scoring");
  EXPECT_FALSE(first.has_read_time());
  const auto got = Get("ana", first.name());
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(*got, SameAs(first));
  EXPECT_EQ(Events().size(), events);
}

TEST_F(NotificationTest, ARepeatedTellingTellsOnce) {
  auto request = Telling({"ana", "bob"});
  request.set_request_id(NewRequestId());
  const auto first = service_.Must<NotifyUsersResponse>(request);
  EXPECT_THAT(service_.Must<NotifyUsersResponse>(request), SameAs(first));
  EXPECT_EQ(Unread("ana").size(), 1u);
  request.set_text("Another");
  EXPECT_THAT(service_.Call<NotifyUsersResponse>(request), IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
  request.set_request_id("");
  request.set_validate_only(true);
  EXPECT_EQ(service_.Must<NotifyUsersResponse>(request).notifications_size(), 2);
  EXPECT_EQ(Unread("ana").size(), 1u);
}

TEST_F(NotificationTest, TheOwnerIsToldAsTheLeadStands) {
  auto request = Telling({});
  EXPECT_THAT(BadFields(service_.Call<NotifyUsersResponse>(request).status()), ElementsAre("users"));
  request.set_owner(true);
  EXPECT_EQ(service_.Must<NotifyUsersResponse>(request).notifications_size(), 0);
  pipeline::v1::AssignLeadRequest assign;
  assign.set_name(lead_);
  assign.set_owner("users/ana");
  service_.Must<type::v1::Lead>(assign);
  request.set_request_id(NewRequestId());
  const auto told = service_.Must<NotifyUsersResponse>(request);
  ASSERT_EQ(told.notifications_size(), 1);
  EXPECT_THAT(Unread("ana"), ::testing::Contains(told.notifications(0).name()));
  EXPECT_EQ(told.notifications(0).kind(), Notification::KIND_RULE);
  // An answer stays what it was, whoever owns the lead by then.
  assign.set_owner("users/bob");
  service_.Must<type::v1::Lead>(assign);
  EXPECT_THAT(service_.Must<NotifyUsersResponse>(request), SameAs(told));
}

TEST_F(NotificationTest, WhomToTellAndOfWhatIsChecked) {
  EXPECT_THAT(BadFields(service_.Call<NotifyUsersResponse>(Telling({"ana", "nobody"})).status()),
              ElementsAre("users[1]"));
  auto request = Telling({"ana"});
  request.set_lead("leads/" + NewRequestId());
  EXPECT_THAT(service_.Call<NotifyUsersResponse>(request), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Unread("ana"), IsEmpty());
}

TEST_F(NotificationTest, MeIsTheCaller) {
  const std::string older = Tell("ana", "older");
  suite().Advance(std::chrono::seconds(1));
  const std::string newer = Tell("ana", "newer");
  Tell("bob");
  EXPECT_THAT(Unread("ana"), ElementsAre(newer, older));
  const auto page = Rep("ana").Must<ListNotificationsResponse>(Of("users/ana"));
  EXPECT_EQ(page.notifications_size(), 2);
  EXPECT_EQ(page.notifications(0).text(), "newer");
  const std::string id = older.substr(older.rfind('/') + 1);
  EXPECT_EQ(Get("ana", "users/me/notifications/" + id)->name(), older);
}

TEST_F(NotificationTest, PagesGoOn) {
  for (int i = 0; i < 5; ++i) Tell("ana", std::to_string(i));
  auto request = Of("users/me");
  request.set_page_size(2);
  std::vector<std::string> texts;
  do {
    const auto page = Rep("ana").Must<ListNotificationsResponse>(request);
    for (const Notification& notification : page.notifications()) texts.push_back(notification.text());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(texts, ElementsAre("4", "3", "2", "1", "0"));
}

TEST_F(NotificationTest, ThoseOfOthersAreNotThere) {
  const std::string name = Tell("ana");
  const auto not_found = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  EXPECT_THAT(Get("bob", name), not_found);
  pipeline::v1::GetNotificationRequest get;
  get.set_name(name);
  for (const Caller& caller : {Rep("bob"), admin_, manager_, service_}) {
    EXPECT_THAT(caller.Call<Notification>(get), not_found);
    EXPECT_THAT(caller.Call<ListNotificationsResponse>(Of("users/ana")), not_found);
    EXPECT_THAT(caller.Call<ListNotificationsResponse>(Of("users/-")), not_found);
    EXPECT_THAT(caller.Call<MarkNotificationsReadResponse>(Marking({}, "users/ana")), not_found);
  }
  EXPECT_THAT(Rep("bob").Call<MarkNotificationsReadResponse>(Marking({name})), not_found);
  EXPECT_THAT(service_.Call<ListNotificationsResponse>(Of("users/me")), not_found);
  // A user of that id in another tenant is another user.
  const Caller namesake = suite().As(suite().NewTenant(), type::v1::ROLE_REP, "users/ana");
  EXPECT_THAT(namesake.Call<Notification>(get), not_found);
  EXPECT_EQ(namesake.Must<ListNotificationsResponse>(Of("users/me")).notifications_size(), 0);
  EXPECT_THAT(namesake.Call<MarkNotificationsReadResponse>(Marking({name})), not_found);
  EXPECT_THAT(Unread("ana"), ElementsAre(name));
}

TEST_F(NotificationTest, WhatIsMarkedIsRead) {
  const std::string first = Tell("ana");
  const std::string second = Tell("ana");
  const std::string third = Tell("ana");
  const std::string his = Tell("bob");
  const size_t events = Events().size();
  suite().Advance(std::chrono::seconds(1));
  EXPECT_EQ(Mark("ana", {first}), 1);
  EXPECT_EQ(Mark("ana", {first, second, second}), 1);
  EXPECT_THAT(Unread("ana"), ElementsAre(third));
  const auto read = Get("ana", first);
  EXPECT_THAT(read->read_time(), SameAs(ToTimestamp(suite().clock().Now())));
  EXPECT_EQ(read->etag(), "2");
  EXPECT_EQ(Mark("ana", {}), 1);
  EXPECT_EQ(Mark("ana", {}), 0);
  EXPECT_THAT(Unread("ana"), IsEmpty());
  EXPECT_THAT(Unread("bob"), ElementsAre(his));
  EXPECT_EQ(Events().size(), events);
}

TEST_F(NotificationTest, ARepeatedMarkingGetsTheFirstAnswer) {
  Tell("ana");
  auto request = Marking({});
  request.set_request_id(NewRequestId());
  EXPECT_EQ(Rep("ana").Must<MarkNotificationsReadResponse>(request).marked_count(), 1);
  const std::string later = Tell("ana");
  EXPECT_EQ(Rep("ana").Must<MarkNotificationsReadResponse>(request).marked_count(), 1);
  EXPECT_THAT(Unread("ana"), ElementsAre(later));
  request.add_names(later);
  EXPECT_THAT(Rep("ana").Call<MarkNotificationsReadResponse>(request),
              IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
  EXPECT_THAT(Unread("ana"), ElementsAre(later));
}

TEST_F(NotificationTest, ManyMarkingsWithOneRequestIdAreOne) {
  for (int i = 0; i < 3; ++i) Tell("ana");
  auto request = Marking({});
  request.set_request_id(NewRequestId());
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(Rep("ana").Must<MarkNotificationsReadResponse>(request).marked_count(), 3); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(NotificationTest, AMarkingIsAllOrNothing) {
  const std::string name = Tell("ana");
  const std::string none = "users/ana/notifications/" + NewRequestId();
  const auto status = Rep("ana").Call<MarkNotificationsReadResponse>(Marking({name, none})).status();
  EXPECT_THAT(status, IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status).resource_name(), none);
  EXPECT_THAT(BadFields(Rep("ana").Call<MarkNotificationsReadResponse>(Marking({"leads/x"})).status()),
              ElementsAre("names[0]"));
  auto only = Marking({name});
  only.set_validate_only(true);
  EXPECT_EQ(Rep("ana").Must<MarkNotificationsReadResponse>(only).marked_count(), 1);
  only = Marking({});
  only.set_validate_only(true);
  EXPECT_EQ(Rep("ana").Must<MarkNotificationsReadResponse>(only).marked_count(), 1);
  EXPECT_THAT(Unread("ana"), ElementsAre(name));
}

}  // namespace
}  // namespace embudo::testing
