// The standard methods (AIP-131 to 135, 154, 155, 163, 164) of every resource.

#include <algorithm>

#include "common/resource/table.h"
#include "embudo/type/v1/options.pb.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/resource_case.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using google::protobuf::Message;
using google::protobuf::util::MessageDifferencer;
using resource::GetText;
using resource::NameOf;
using resource::SetText;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Not;

class ResourceTest : public PipelineTest, public ::testing::WithParamInterface<ResourceCase> {
 protected:
  const std::string& noun() const { return GetParam().noun; }
  /// The types of the events that tell of these changes: none where the log does not hold the resource.
  std::vector<std::string> Told(const std::vector<std::string>& changes) const {
    std::vector<std::string> types;
    for (const std::string& change : changes) {
      if (!noun().empty()) types.push_back(noun() + "." + change);
    }
    return types;
  }

  MessagePtr Create(const std::string& id = "") {
    auto created = api_.Create(parent_, *api_.Fill(), id);
    EXPECT_TRUE(created.ok()) << created.status();
    return created.ok() ? *std::move(created) : api_.Fill();
  }
  MessagePtr Get(const std::string& name) {
    auto record = api_.Get(name);
    EXPECT_TRUE(record.ok()) << record.status();
    return record.ok() ? *std::move(record) : api_.Fill();
  }
  /// A copy with another text.
  MessagePtr Changed(const Message& record, const std::string& text) const {
    MessagePtr copy(record.New());
    copy->CopyFrom(record);
    SetText(copy.get(), GetParam().text_field.c_str(), text);
    return copy;
  }
  std::string TextOf(const Message& record) const { return GetText(record, GetParam().text_field.c_str()); }
  std::string Text(const std::string& value) const {
    if (GetParam().text_field == "rate") return "1." + std::to_string(std::hash<std::string>()(value) % 1'000'000);
    return GetParam().text_field == "assignment_filter" ? "display_name = \"" + value + "\"" : value;
  }
  static bool HasTime(const Message& record, const char* name) {
    return record.GetReflection()->HasField(record, record.GetDescriptor()->FindFieldByName(name));
  }
  /// As events have it: what is computed at reading is not in them.
  static MessagePtr WithoutDerived(const Message& record) {
    MessagePtr copy(record.New());
    copy->CopyFrom(record);
    for (int i = 0; i < record.GetDescriptor()->field_count(); ++i) {
      const auto* field = record.GetDescriptor()->field(i);
      if (field->options().GetExtension(type::v1::rules).derived()) {
        copy->GetReflection()->ClearField(copy.get(), field);
      }
    }
    return copy;
  }
  static bool Same(const Message& a, const Message& b) { return MessageDifferencer::Equals(a, b); }

  const Standard api_{admin_, GetParam()};
  const std::string parent_ = api_.Parent();
  const std::vector<std::string> mask_{GetParam().text_field};
};

TEST_P(ResourceTest, IsCreatedReadListedAndToldByAnEvent) {
  const std::string id = api_.NewId();
  const MessagePtr given = api_.Fill();
  const auto created = api_.Create(parent_, *given, id);
  ASSERT_TRUE(created.ok()) << created.status();
  const std::string name = NameOf(**created);
  EXPECT_TRUE(name.ends_with("/" + id)) << name;
  EXPECT_TRUE(name.starts_with(parent_));
  EXPECT_EQ(TextOf(**created), TextOf(*given));
  EXPECT_FALSE(GetText(**created, "etag").empty());
  EXPECT_TRUE(HasTime(**created, "create_time"));
  EXPECT_TRUE(Same(*Get(name), **created)) << Get(name)->DebugString() << (*created)->DebugString();
  EXPECT_THAT(api_.List(parent_), Contains(name));

  const auto events = EventsAbout(name);
  ASSERT_THAT(TypesOf(events), ElementsAreArray(Told({"created"})));
  if (noun().empty()) return;
  EXPECT_EQ(events[0].actor(), "users/admin");
  EXPECT_EQ(events[0].tenant(), tenant_);
  EXPECT_FALSE(events[0].has_previous());
}

TEST_P(ResourceTest, GetsAnIdOfTheServicesOwnOrARefusal) {
  const MessagePtr first = Create();
  const MessagePtr second = Create();
  EXPECT_NE(NameOf(*first), NameOf(*second));
  for (const char* id : {"No Slug", "-x", "a/b", "UPPER"}) {
    const auto status = api_.Create(parent_, *api_.Fill(), id).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << id << ": " << status;
    EXPECT_THAT(BadFields(status), ElementsAre(GetParam().body + "_id"));
  }
}

TEST_P(ResourceTest, AnIdIsTakenOnce) {
  const std::string id = api_.NewId();
  Create(id);
  EXPECT_THAT(api_.Create(parent_, *api_.Fill(), id), IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
  EXPECT_THAT(api_.Create(parent_, *api_.Fill(), id, {.validate_only = true}),
              IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
}

TEST_P(ResourceTest, AnUpdateChangesWhatTheMaskNames) {
  const MessagePtr before = Create();
  suite().Advance(std::chrono::seconds(1));
  const MessagePtr given = Changed(*before, Text("other"));
  const auto updated = api_.Update(*given, mask_);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(TextOf(**updated), Text("other"));
  EXPECT_NE(GetText(**updated, "etag"), GetText(*before, "etag"));
  EXPECT_TRUE(Same(*Get(NameOf(*before)), **updated));

  const auto events = EventsAbout(NameOf(*before));
  ASSERT_THAT(TypesOf(events), ElementsAreArray(Told({"created", "updated"})));
  EXPECT_THAT(BadFields(api_.Update(*given, {"no_such_field"}).status()), ElementsAre("update_mask"));
  if (noun().empty()) return;
  const auto& paths = events[1].changed_fields().paths();
  EXPECT_THAT(std::vector<std::string>(paths.begin(), paths.end()), Contains(mask_[0]));
  // The event holds the whole record after the change, and of the one before what the change took.
  const Message& data = events[1].data().GetReflection()->GetMessage(
      events[1].data(), events[1].data().GetDescriptor()->FindFieldByName(noun()));
  EXPECT_TRUE(Same(data, *WithoutDerived(**updated))) << data.DebugString();
  const Message& previous = events[1].previous().GetReflection()->GetMessage(
      events[1].previous(), events[1].previous().GetDescriptor()->FindFieldByName(noun()));
  EXPECT_EQ(TextOf(previous), TextOf(*before));
  EXPECT_EQ(GetText(previous, "etag"), "");
}

TEST_P(ResourceTest, AnUpdateThatChangesNothingDoesNothing) {
  const MessagePtr before = Create();
  suite().Advance(std::chrono::seconds(1));
  const auto updated = api_.Update(*before, mask_);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(GetText(**updated, "etag"), GetText(*before, "etag"));
  EXPECT_THAT(TypesOf(EventsAbout(NameOf(*before))), ElementsAreArray(Told({"created"})));
}

TEST_P(ResourceTest, AStaleEtagIsRefused) {
  const MessagePtr before = Create();
  const std::string stale = GetText(*before, "etag");
  ASSERT_TRUE(api_.Update(*Changed(*before, Text("second")), mask_, {.etag = stale}).ok());
  EXPECT_THAT(api_.Update(*Changed(*before, Text("third")), mask_, {.etag = stale}),
              IsError(StatusCode::kAborted, "STALE_ETAG"));
  EXPECT_THAT(api_.Delete(NameOf(*before), {.etag = stale}), IsError(StatusCode::kAborted, "STALE_ETAG"));
  EXPECT_EQ(TextOf(*Get(NameOf(*before))), Text("second"));
}

TEST_P(ResourceTest, AnotherTenantsRecordIsNotThere) {
  const std::string name = NameOf(*Create());
  const Standard other(suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN), GetParam());
  const auto not_found = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  EXPECT_THAT(other.Get(name), not_found);
  EXPECT_THAT(other.Update(*Changed(*Get(name), Text("theirs")), mask_), not_found);
  EXPECT_THAT(other.Delete(name), not_found);
  EXPECT_THAT(other.List(parent_), Not(Contains(name)));
  EXPECT_THAT(TypesOf(EventsAbout(name)), ElementsAreArray(Told({"created"})));
}

TEST_P(ResourceTest, ARepeatedCreateGetsTheFirstAnswer) {
  const MessagePtr given = api_.Fill();
  const Extra once{.request_id = NewRequestId()};
  const auto first = api_.Create(parent_, *given, "", once);
  ASSERT_TRUE(first.ok()) << first.status();
  suite().Advance(std::chrono::seconds(1));
  const auto again = api_.Create(parent_, *given, "", once);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(Same(**first, **again));
  EXPECT_THAT(TypesOf(EventsAbout(NameOf(**first))), ElementsAreArray(Told({"created"})));
  const auto names = api_.List(parent_);
  EXPECT_EQ(std::count(names.begin(), names.end(), NameOf(**first)), 1);

  EXPECT_THAT(api_.Create(parent_, *Changed(*given, Text("else")), "", once),
              IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
  EXPECT_THAT(api_.Delete(NameOf(**first), once), IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
  EXPECT_EQ(api_.List(parent_).size(), names.size());
}

TEST_P(ResourceTest, ARepeatedUpdateOrDeleteGetsTheFirstAnswer) {
  const MessagePtr record = Create();
  const std::string name = NameOf(*record);
  const Extra update{.request_id = NewRequestId(), .etag = GetText(*record, "etag")};
  const auto first = api_.Update(*Changed(*record, Text("first")), mask_, update);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(api_.Update(*Changed(*record, Text("later")), mask_).ok());
  // Neither the etag, stale by now, nor the later change matter: the call was made and answered.
  const auto again = api_.Update(*Changed(*record, Text("first")), mask_, update);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(Same(**first, **again));
  EXPECT_EQ(TextOf(*Get(name)), Text("later"));

  const Extra remove{.request_id = NewRequestId()};
  const auto deleted = api_.Delete(name, remove);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  const auto deleted_again = api_.Delete(name, remove);
  ASSERT_TRUE(deleted_again.ok()) << deleted_again.status();
  EXPECT_TRUE(Same(**deleted, **deleted_again));
  EXPECT_THAT(TypesOf(EventsAbout(name)), ElementsAreArray(Told({"created", "updated", "updated", "deleted"})));
}

TEST_P(ResourceTest, ValidateOnlyHasNoEffect) {
  const size_t events = Events().size();
  const size_t records = api_.List(parent_).size();
  const MessagePtr given = api_.Fill();
  const size_t filled = Events().size() - events;
  const Extra only{.request_id = NewRequestId(), .validate_only = true};
  const auto created = api_.Create(parent_, *given, "", only);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(TextOf(**created), TextOf(*given));
  EXPECT_EQ(api_.List(parent_).size(), records);

  const MessagePtr record = Create();
  const size_t before = Events().size();
  suite().Advance(std::chrono::seconds(1));
  const auto updated = api_.Update(*Changed(*record, Text("other")), mask_, {.validate_only = true});
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(TextOf(**updated), Text("other"));
  const auto deleted = api_.Delete(NameOf(*record), {.validate_only = true});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_TRUE(Same(*Get(NameOf(*record)), *record));
  EXPECT_EQ(Events().size(), before);
  EXPECT_LE(filled, 1u);
  // The id of a call that only checked is still free.
  EXPECT_TRUE(api_.Create(parent_, *given, "", {.request_id = only.request_id}).ok());
}

TEST_P(ResourceTest, AllowMissingMakesTheRecordUnderItsName) {
  const MessagePtr example = Create();
  MessagePtr given = api_.Fill();
  const std::string name = NameOf(*example).substr(0, NameOf(*example).rfind('/') + 1) + api_.NewId();
  SetText(given.get(), "name", name);
  EXPECT_THAT(api_.Update(*given, {}), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  const auto made = api_.Update(*given, {}, {.allow_missing = true});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(NameOf(**made), name);
  EXPECT_TRUE(Same(*Get(name), **made));
  EXPECT_THAT(TypesOf(EventsAbout(name)), ElementsAreArray(Told({"created"})));

  // A new record needs what every new record needs.
  SetText(given.get(), "name", name.substr(0, name.rfind('/') + 1) + api_.NewId());
  for (const char* required : {"display_name", "summary", "user", "body", "lead", "rate"})
    SetText(given.get(), required, "");
  EXPECT_EQ(api_.Update(*given, {}, {.allow_missing = true}).status().code(), StatusCode::kInvalidArgument);
}

TEST_P(ResourceTest, ADeletedRecordIsKeptAside) {
  const MessagePtr record = Create();
  const std::string name = NameOf(*record);
  const auto deleted = api_.Delete(name);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_TRUE(HasTime(**deleted, "delete_time"));
  EXPECT_TRUE(HasTime(*Get(name), "delete_time"));
  EXPECT_THAT(api_.List(parent_), Not(Contains(name)));
  EXPECT_THAT(api_.List(parent_, {.show_deleted = true}), Contains(name));
  const auto not_found = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  EXPECT_THAT(api_.Update(*Changed(*record, Text("late")), mask_), not_found);
  EXPECT_THAT(api_.Delete(name), not_found);
  EXPECT_THAT(TypesOf(EventsAbout(name)), ElementsAreArray(Told({"created", "deleted"})));
}

TEST_P(ResourceTest, WhatOthersReferToIsNotDeleted) {
  for (const auto& referrer : GetParam().referrers) {
    const std::string name = NameOf(*Create());
    referrer.make(admin_, name);
    const auto status = api_.Delete(name).status();
    EXPECT_THAT(status, IsError(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(referrer.what));
    EXPECT_THAT(Violations(status), ElementsAre(name));
    EXPECT_FALSE(HasTime(*Get(name), "delete_time"));
  }
}

TEST_P(ResourceTest, NeedsALivingParent) {
  if (parent_.empty()) return;
  const std::string missing = parent_.substr(0, parent_.rfind('/') + 1) +
                              (parent_.starts_with("leads/") ? NewRequestId() : std::string("none"));
  EXPECT_THAT(api_.Create(missing, *api_.Fill(), ""), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  const Caller other = suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN);
  EXPECT_THAT(api_.Create(Standard(other, GetParam()).Parent(), *api_.Fill(), ""),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

INSTANTIATE_TEST_SUITE_P(Pipeline, ResourceTest, ::testing::ValuesIn(PipelineResources()),
                         [](const auto& test) { return test.param.type; });

}  // namespace
}  // namespace embudo::testing
