#pragma once

#include <httplib.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "embudo/capture/v1/form_service.pb.h"
#include "embudo/capture/v1/hook_service.pb.h"
#include "tests/integration/capture/suite.h"

namespace embudo::testing {

using capture::v1::Form;
using capture::v1::Hook;

/// The public HTTP face, reached as a browser or another system does.
class PublicTest : public CaptureTest {
 protected:
  httplib::Client Http() const { return httplib::Client("http://" + installation_->public_address); }

  /// A form that takes many submissions from one address.
  absl::StatusOr<Form> CreateForm(const std::function<void(Form&)>& change = {}, const std::string& id = "") {
    capture::v1::CreateFormRequest request;
    request.mutable_form()->set_display_name("Contact us");
    request.mutable_form()->set_address_rate_per_minute(100000);
    request.set_form_id(id);
    if (change) change(*request.mutable_form());
    return Capture<Form>("FormService/CreateForm", request);
  }
  Form NewForm(const std::function<void(Form&)>& change = {}) {
    auto form = CreateForm(change);
    EXPECT_TRUE(form.ok()) << form.status();
    return form.ok() ? *form : Form();
  }
  /// Sends a form as a script does.
  httplib::Result Post(const Form& form, const std::string& body, httplib::Headers headers = {},
                       const std::string& type = "application/x-www-form-urlencoded") const {
    headers.emplace("Accept", "application/json");
    return Http().Post("/forms/" + form.key(), headers, body, type);
  }
  static nlohmann::json Json(const httplib::Result& result) {
    return result ? nlohmann::json::parse(result->body, nullptr, false) : nlohmann::json();
  }

  static capture::v1::FieldMapping Mapping(const std::string& source, const std::string& field, bool required = false) {
    capture::v1::FieldMapping mapping;
    mapping.set_source(source);
    mapping.set_field(field);
    mapping.set_required(required);
    return mapping;
  }
  /// The tenant's submissions, the newest first.
  std::vector<Submission> Submissions() {
    const auto page = Capture<capture::v1::ListSubmissionsResponse>("CaptureService/ListSubmissions",
                                                                    capture::v1::ListSubmissionsRequest());
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return {};
    return {page->submissions().begin(), page->submissions().end()};
  }
  /// The same method as another caller of the tenant.
  template <class Response>
  absl::StatusOr<Response> As(type::v1::Role role, const std::string& method,
                              const google::protobuf::Message& request) {
    rpc::Identity identity = admin_;
    identity.roles = {role};
    return capture_->Call<Response>("embudo.capture.v1." + method, identity, request);
  }
};

}  // namespace embudo::testing
