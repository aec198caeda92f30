// POST /forms/{key} at many in flight, against the same capture by gRPC.

#include <httplib.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "common/base/error.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/capture/v1/form_service.pb.h"
#include "tools/bench/load.h"

namespace embudo::bench {
namespace {

using capture::v1::CaptureLeadRequest;
using capture::v1::CaptureLeadResponse;
using capture::v1::Form;
using std::chrono::steady_clock;

/// No two runs send the same address: that would be another work.
std::string Email(const std::string& run, int64_t n) { return "p" + std::to_string(n) + "-" + run + "@example.com"; }

absl::StatusOr<Form> CreateForm(cli::Context& context) {
  capture::v1::CreateFormRequest request;
  Form& form = *request.mutable_form();
  form.set_display_name("Bench");
  form.set_rate_per_minute(100000);
  form.set_address_rate_per_minute(100000);
  return context.Call<Form>("embudo.capture.v1.FormService/CreateForm", request);
}

/// Sends forms on so many connections until the time is over.
absl::Status Send(const Options& options, const std::string& key, const std::string& run, int seconds,
                  Latencies* latencies) {
  const auto end = steady_clock::now() + std::chrono::seconds(seconds);
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  absl::Status failure;
  const auto send = [&](int number) {
    httplib::Client client("http://" + options.forms);
    client.set_keep_alive(true);
    client.set_tcp_nodelay(true);
    // Each from an address of its own: there is a limit to what one may send.
    client.set_interface("127.0.0." + std::to_string(2 + number % 250));
    while (steady_clock::now() < end) {
      const auto start = steady_clock::now();
      const auto answer = client.Post("/forms/" + key, "name=Ada+Lovelace&company=Acme&email=" + Email(run, next++),
                                      "application/x-www-form-urlencoded");
      const std::lock_guard lock(mutex);
      latencies->Add(steady_clock::now() - start);
      if (answer && answer->status == 200) continue;
      failure = absl::UnavailableError("POST /forms: " + (answer ? std::to_string(answer->status) + " " + answer->body
                                                                 : "no answer at " + options.forms));
      return;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < options.in_flight; ++i) threads.emplace_back(send, i);
  for (std::thread& thread : threads) thread.join();
  return failure;
}

}  // namespace

absl::Status MeasureForms(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  if (options.forms.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const Form form, CreateForm(context));
  const std::string run = cli::NewRequestId().substr(24);
  Latencies warming;
  EMBUDO_RETURN_IF_ERROR(Send(options, form.key(), "w" + run, 1, &warming));
  Latencies latencies;
  EMBUDO_RETURN_IF_ERROR(Send(options, form.key(), run, options.seconds, &latencies));
  Load load(context, "embudo.capture.v1.CaptureService/CaptureLead", CaptureLeadResponse::default_instance(),
            [&](int64_t n) {
              auto request = std::make_unique<CaptureLeadRequest>();
              request->mutable_lead()->set_email(Email("g" + run, n));
              request->mutable_lead()->set_company_name("Acme");
              request->mutable_lead()->set_contact_name("Ada Lovelace");
              request->mutable_payload()->mutable_web_form();
              return request;
            });
  EMBUDO_RETURN_IF_ERROR(load.Run(options.in_flight, std::chrono::seconds(options.seconds)));
  const std::string name = "POST /forms, " + std::to_string(options.in_flight) + " in flight";
  figures->push_back({name, "forms/s", static_cast<double>(latencies.count()) / options.seconds,
                      static_cast<double>(load.latencies().count()) / options.seconds, "CaptureLead, by gRPC"});
  figures->push_back(
      {name + ", p50", "ms", latencies.Percentile(0.5), load.latencies().Percentile(0.5), "CaptureLead"});
  figures->push_back(
      {name + ", p99", "ms", latencies.Percentile(0.99), load.latencies().Percentile(0.99), "CaptureLead"});
  return absl::OkStatus();
}

}  // namespace embudo::bench
