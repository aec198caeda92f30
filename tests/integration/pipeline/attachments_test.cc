// Files on leads: what is taken, what is refused, and that what comes back is what went in.

#include <openssl/sha.h>

#include <fstream>
#include <iterator>

#include "absl/strings/escaping.h"
#include "embudo/pipeline/v1/attachment_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/type/v1/attachment.pb.h"
#include "embudo/type/v1/message.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::UploadAttachmentRequest;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using type::v1::Attachment;

constexpr size_t kChunk = 65536;
constexpr size_t kLimit = size_t{25} << 20;
const std::string kPdf = "%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

std::string Sha256(const std::string& bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return absl::BytesToHexString(std::string(reinterpret_cast<const char*>(digest), sizeof digest));
}

/// Bytes that differ from place to place, so that a chunk that is lost or doubled is seen.
std::string Bytes(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  if (size > 2) bytes.replace(0, 2, "..");  // nothing that libmagic takes for a program
  return bytes;
}

class AttachmentTest : public PipelineTest {
 protected:
  AttachmentTest() : lead_(CreateLead().name()) {}

  UploadAttachmentRequest Head(const std::string& file_name) const {
    UploadAttachmentRequest head;
    head.set_parent(lead_);
    head.set_file_name(file_name);
    return head;
  }
  static absl::StatusOr<Attachment> Upload(const Caller& caller, const UploadAttachmentRequest& head,
                                           const std::string& content, size_t chunk = kChunk) {
    const auto stream = caller.Stream("embudo.pipeline.v1.AttachmentService/UploadAttachment");
    bool open = stream->Write(head);
    UploadAttachmentRequest part;
    for (size_t at = 0; open && at < content.size(); at += chunk) {
      part.set_content(content.substr(at, chunk));
      open = stream->Write(part);
    }
    if (open) stream->WritesDone();
    Attachment attachment;
    const bool answered = stream->Read(&attachment);
    EMBUDO_RETURN_IF_ERROR(stream->Finish());
    EXPECT_TRUE(answered);
    return attachment;
  }
  absl::StatusOr<Attachment> Upload(const std::string& file_name, const std::string& content) const {
    return Upload(admin_, Head(file_name), content);
  }
  /// The content; every chunk but the last is full.
  static absl::StatusOr<std::string> Download(const Caller& caller, const std::string& name) {
    const auto stream = caller.Stream("embudo.pipeline.v1.AttachmentService/DownloadAttachment");
    pipeline::v1::DownloadAttachmentRequest request;
    request.set_name(name);
    stream->Write(request);
    stream->WritesDone();
    std::string content;
    pipeline::v1::DownloadAttachmentResponse part;
    while (stream->Read(&part)) {
      EXPECT_EQ(content.size() % kChunk, 0u);
      EXPECT_LE(part.content().size(), kChunk);
      EXPECT_GT(part.content().size(), 0u);
      content += part.content();
    }
    EMBUDO_RETURN_IF_ERROR(stream->Finish());
    return content;
  }
  static absl::StatusOr<Attachment> Get(const Caller& caller, const std::string& name) {
    pipeline::v1::GetAttachmentRequest request;
    request.set_name(name);
    return caller.Call<Attachment>(request);
  }
  static absl::StatusOr<Attachment> Delete(const Caller& caller, const std::string& name,
                                           const std::string& request_id = "") {
    pipeline::v1::DeleteAttachmentRequest request;
    request.set_name(name);
    request.set_request_id(request_id);
    return caller.Call<Attachment>(request);
  }
  std::vector<std::string> List(const Caller& caller) const {
    pipeline::v1::ListAttachmentsRequest request;
    request.set_parent(lead_);
    std::vector<std::string> names;
    const auto page = caller.Must<pipeline::v1::ListAttachmentsResponse>(request);
    for (const Attachment& attachment : page.attachments()) names.push_back(attachment.file_name());
    return names;
  }
  int64_t Contents() const {
    return suite()
        .Query("SELECT count(*) FROM pipeline.attachment_content WHERE tenant_id = $1", db::Params::Of(tenant_))[0]
        .Int(0);
  }

  const std::string lead_;
};

TEST_F(AttachmentTest, AFileIsKeptDescribedAndTold) {
  const auto uploaded = Upload("Angebot Müller.doc", kPdf);
  ASSERT_TRUE(uploaded.ok()) << uploaded.status();
  EXPECT_TRUE(uploaded->name().starts_with(lead_ + "/attachments/"));
  EXPECT_EQ(uploaded->file_name(), "Angebot Müller.doc");
  EXPECT_EQ(uploaded->content_type(), "application/pdf");
  EXPECT_EQ(uploaded->size_bytes(), static_cast<int64_t>(kPdf.size()));
  EXPECT_EQ(uploaded->sha256(), Sha256(kPdf));
  EXPECT_EQ(uploaded->creator(), "users/admin");
  EXPECT_TRUE(uploaded->has_create_time());
  EXPECT_THAT(*Get(admin_, uploaded->name()), SameAs(*uploaded));
  EXPECT_THAT(List(admin_), ElementsAre("Angebot Müller.doc"));
  EXPECT_EQ(*Download(admin_, uploaded->name()), kPdf);
  const auto events = EventsAbout(uploaded->name());
  ASSERT_THAT(TypesOf(events), ElementsAre("attachment.created"));
  EXPECT_THAT(events[0].data().attachment(), SameAs(*uploaded));
  EXPECT_EQ(events[0].partition_key(), lead_.substr(6));
}

TEST_F(AttachmentTest, WhatComesBackIsWhatWentIn) {
  for (const size_t size : {size_t{1}, kChunk - 1, kChunk, kChunk + 1, 4 * kChunk, 4 * kChunk + 1, 9 * kChunk - 1}) {
    const std::string content = Bytes(size);
    const auto uploaded = Upload("x.bin", content);
    ASSERT_TRUE(uploaded.ok()) << size << uploaded.status();
    EXPECT_EQ(uploaded->size_bytes(), static_cast<int64_t>(size));
    const auto downloaded = Download(admin_, uploaded->name());
    ASSERT_TRUE(downloaded.ok()) << size << downloaded.status();
    EXPECT_TRUE(*downloaded == content) << size;
  }
}

TEST_F(AttachmentTest, TheLargestFilePassesAndOneByteMoreDoesNot) {
  const std::string content = Bytes(kLimit);
  const auto uploaded = Upload("large.bin", content);
  ASSERT_TRUE(uploaded.ok()) << uploaded.status();
  EXPECT_EQ(uploaded->sha256(), Sha256(content));
  EXPECT_TRUE(*Download(admin_, uploaded->name()) == content);

  const auto status = Upload("larger.bin", content + "x").status();
  EXPECT_THAT(status, IsError(StatusCode::kInvalidArgument, "FILE_TOO_LARGE"));
  EXPECT_THAT(BadFields(status), ElementsAre("content"));
  EXPECT_EQ(Contents(), 1);
}

TEST_F(AttachmentTest, AnEndlessFileIsCutOffAtOnce) {
  const auto stream = admin_.Stream("embudo.pipeline.v1.AttachmentService/UploadAttachment");
  stream->Write(Head("endless.bin"));
  UploadAttachmentRequest part;
  part.set_content(std::string(size_t{1} << 20, '.'));
  int sent = 0;
  while (sent < 200 && stream->Write(part)) ++sent;
  EXPECT_LT(sent, 200);
  EXPECT_THAT(stream->Finish(), IsError(StatusCode::kInvalidArgument, "FILE_TOO_LARGE"));
}

TEST_F(AttachmentTest, ProgramsAndNothingAreRefused) {
  std::ifstream self("/proc/self/exe", std::ios::binary);
  std::string elf(200'000, '\0');
  self.read(elf.data(), static_cast<std::streamsize>(elf.size()));
  for (const std::string& program : {elf, std::string("#!/bin/sh\nexit 0\n")}) {
    const auto status = Upload("offer.pdf", program).status();
    EXPECT_THAT(status, IsError(StatusCode::kInvalidArgument, "FILE_IS_PROGRAM"));
    EXPECT_THAT(BadFields(status), ElementsAre("content"));
  }
  EXPECT_THAT(Upload("offer.pdf", ""), IsError(StatusCode::kInvalidArgument, "FILE_EMPTY"));
  EXPECT_THAT(List(admin_), IsEmpty());
  EXPECT_EQ(Contents(), 0);
}

TEST_F(AttachmentTest, TheFirstMessageSaysWhatItIs) {
  for (const char* name : {"", "../offer.pdf", "a/b", "a\\b", "a\nb", ".."}) {
    EXPECT_THAT(BadFields(Upload(name, kPdf).status()), ElementsAre("file_name")) << name;
  }
  auto head = Head("offer.pdf");
  head.set_parent("leads");
  EXPECT_THAT(BadFields(Upload(admin_, head, kPdf).status()), ElementsAre("parent"));
  head = Head("offer.pdf");
  head.set_attachment_id("x");
  EXPECT_THAT(BadFields(Upload(admin_, head, kPdf).status()), ElementsAre("attachment_id"));
  head = Head("offer.pdf");
  head.set_request_id("x");
  EXPECT_THAT(BadFields(Upload(admin_, head, kPdf).status()), ElementsAre("request_id"));
  head = Head("offer.pdf");
  head.set_parent("leads/" + NewRequestId());
  EXPECT_THAT(Upload(admin_, head, kPdf), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));

  // The first message may bring content; a later one nothing else.
  head = Head("offer.pdf");
  head.set_content(kPdf.substr(0, 20));
  const auto uploaded = Upload(admin_, head, kPdf.substr(20));
  ASSERT_TRUE(uploaded.ok()) << uploaded.status();
  EXPECT_EQ(uploaded->sha256(), Sha256(kPdf));
  const auto stream = admin_.Stream("embudo.pipeline.v1.AttachmentService/UploadAttachment");
  stream->Write(Head("offer.pdf"));
  stream->Write(Head("other.pdf"));
  EXPECT_THAT(BadFields(stream->Finish()), ElementsAre("parent"));
}

TEST_F(AttachmentTest, AnIdIsTakenOnce) {
  auto head = Head("offer.pdf");
  head.set_attachment_id(NewRequestId());
  EXPECT_EQ(Upload(admin_, head, kPdf)->name(), lead_ + "/attachments/" + head.attachment_id());
  EXPECT_THAT(Upload(admin_, head, kPdf), IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
}

TEST_F(AttachmentTest, ARepeatedUploadGetsTheFirstAnswer) {
  auto head = Head("offer.pdf");
  head.set_request_id(NewRequestId());
  const auto first = Upload(admin_, head, kPdf);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto again = Upload(admin_, head, kPdf, /*chunk=*/7);  // cut otherwise, the same file
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(*again, SameAs(*first));
  EXPECT_EQ(Contents(), 1);
  EXPECT_THAT(Upload(admin_, head, kPdf + "x"), IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
  EXPECT_EQ(Contents(), 1);

  pipeline::v1::DeleteLeadRequest remove;
  remove.set_name(lead_);
  admin_.Must<type::v1::Lead>(remove);
  EXPECT_THAT(*Upload(admin_, head, kPdf), SameAs(*first));
}

TEST_F(AttachmentTest, AnUploadThatBreaksOffLeavesNothing) {
  {
    const auto stream = admin_.Stream("embudo.pipeline.v1.AttachmentService/UploadAttachment");
    ASSERT_TRUE(stream->Write(Head("offer.pdf")));
    UploadAttachmentRequest part;
    part.set_content(kPdf);
    ASSERT_TRUE(stream->Write(part));
    stream->Cancel();
    EXPECT_FALSE(stream->Finish().ok());
  }
  // What comes after it is taken as ever.
  EXPECT_TRUE(Upload("other.pdf", kPdf).ok());
  EXPECT_THAT(List(admin_), ElementsAre("other.pdf"));
  EXPECT_EQ(Contents(), 1);
}

TEST_F(AttachmentTest, AReaderThatGoesAwayEndsItsDownload) {
  const auto uploaded = Upload("large.bin", Bytes(size_t{8} << 20));
  ASSERT_TRUE(uploaded.ok());
  for (int i = 0; i < 20; ++i) {
    const auto stream = admin_.Stream("embudo.pipeline.v1.AttachmentService/DownloadAttachment");
    pipeline::v1::DownloadAttachmentRequest request;
    request.set_name(uploaded->name());
    stream->Write(request);
    pipeline::v1::DownloadAttachmentResponse part;
    EXPECT_TRUE(stream->Read(&part));
    stream->Cancel();
    EXPECT_FALSE(stream->Finish().ok());
  }
  EXPECT_EQ(Download(admin_, uploaded->name())->size(), size_t{8} << 20);
}

TEST_F(AttachmentTest, ADeletedOneIsKeptAside) {
  const std::string name = Upload("offer.pdf", kPdf)->name();
  const std::string once = NewRequestId();
  const auto deleted = Delete(admin_, name, once);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_TRUE(deleted->has_delete_time());
  EXPECT_THAT(*Delete(admin_, name, once), SameAs(*deleted));
  const auto not_found = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  EXPECT_THAT(Delete(admin_, name), not_found);
  EXPECT_THAT(Download(admin_, name), not_found);
  EXPECT_TRUE(Get(admin_, name)->has_delete_time());
  EXPECT_THAT(List(admin_), IsEmpty());
  EXPECT_THAT(TypesOf(EventsAbout(name)), ElementsAre("attachment.created", "attachment.deleted"));
}

TEST_F(AttachmentTest, AnotherTenantsFileIsNotThere) {
  const std::string name = Upload("offer.pdf", kPdf)->name();
  const Caller other = suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN);
  const auto not_found = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  EXPECT_THAT(Get(other, name), not_found);
  EXPECT_THAT(Download(other, name), not_found);
  EXPECT_THAT(Delete(other, name), not_found);
  EXPECT_THAT(Upload(other, Head("theirs.pdf"), kPdf), not_found);
  EXPECT_THAT(List(other), IsEmpty());
  EXPECT_THAT(List(admin_), ElementsAre("offer.pdf"));
}

TEST_F(AttachmentTest, AFollowerReadsAndDoesNotChange) {
  CreateUser("dee", type::v1::User::VISIBILITY_OWN);
  const Caller dee = As(type::v1::ROLE_REP, "users/dee");
  const std::string name = Upload("offer.pdf", kPdf)->name();
  EXPECT_THAT(Download(dee, name), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Upload(dee, Head("mine.pdf"), kPdf), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));

  pipeline::v1::CreateMessageRequest note;
  note.set_parent(lead_);
  note.mutable_message()->set_type(type::v1::Message::TYPE_INTERNAL_NOTE);
  note.mutable_message()->set_body("@dee");
  admin_.Must<type::v1::Message>(note);
  EXPECT_EQ(*Download(dee, name), kPdf);
  EXPECT_THAT(List(dee), ElementsAre("offer.pdf"));
  const auto denied = IsError(StatusCode::kPermissionDenied, "READ_ONLY_ACCESS");
  EXPECT_THAT(Upload(dee, Head("mine.pdf"), kPdf), denied);
  EXPECT_THAT(Delete(dee, name), denied);
}

TEST_F(AttachmentTest, AStaleEtagIsRefused) {
  const std::string name = Upload("offer.pdf", kPdf)->name();
  pipeline::v1::DeleteAttachmentRequest request;
  request.set_name(name);
  request.set_etag("7");
  EXPECT_THAT(admin_.Call<Attachment>(request), IsError(StatusCode::kAborted, "STALE_ETAG"));
  request.set_etag("");
  request.set_validate_only(true);
  EXPECT_TRUE(admin_.Call<Attachment>(request).ok());
  EXPECT_THAT(List(admin_), ElementsAre("offer.pdf"));
}

}  // namespace
}  // namespace embudo::testing
