#include "tests/tidy/tidy.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <optional>

namespace embudo::tidy {
namespace {

using std::string_view;

constexpr size_t kMaxColumns = 120;
constexpr int kMaxLines = 600;

/// Bottom to top: a folder of common/ includes only itself and those before it.
constexpr std::array<string_view, 19> kCommon = {"base",  "text",    "markup",   "config", "log",    "chore", "metrics",
                                                 "trace", "db",      "privacy",  "redis",  "filter", "event", "rpc",
                                                 "http",  "tenancy", "resource", "app",    "testing"};

/// A library that one folder hides from all others.
struct Library {
  string_view header;  // what its includes begin with
  string_view folder;  // empty: nowhere
  string_view why;
};
constexpr Library kLibraries[] = {
    {"xgboost/", "services/scoring/logic/ml/", "XGBoost is hidden in services/scoring/logic/ml"},
    {"linear.h", "services/scoring/logic/ml/", "liblinear is hidden in services/scoring/logic/ml"},
    {"grpcpp/", "common/rpc/", "gRPC is hidden in common/rpc"},
    {"grpc/", "common/rpc/", "gRPC is hidden in common/rpc"},
    {"libpq-fe.h", "common/db/", "libpq is hidden in common/db"},
    {"hiredis/", "common/redis/", "hiredis is hidden in common/redis"},
    {"spdlog/", "common/log/", "spdlog is hidden in common/log"},
    {"boost/", "common/http/", "Boost is hidden in common/http"},
    {"cairo.h", "services/pipeline/document/", "cairo is hidden in services/pipeline/document"},
    {"cairo-pdf.h", "services/pipeline/document/", "cairo is hidden in services/pipeline/document"},
    {"pango/", "services/pipeline/document/", "Pango is hidden in services/pipeline/document"},
    {"ranges", "", "clang-14 does not compile <ranges>"},
    {"format", "", "g++ 12 has no <format>"},
    {"absl/synchronization/", "common/rpc/grpc_process.cc",
     "use std::mutex: ThreadSanitizer does not see into Abseil's"},
    {"absl/strings/string_view.h", "", "use std::string_view: Abseil's is another type"},
};

struct Word {
  string_view text;
  string_view only_in;  // paths and folders, separated by blanks; empty: nowhere
  string_view why;
};
constexpr Word kWords[] = {
    {"sleep_for",
     "common/testing/eventually.cc common/db/pool.cc common/event/log_reader.cc common/rpc/server.cc tools/bench/",
     "wait on a condition (tests: testing::Eventually)"},
    {"sleep_until", "tools/bench/", "wait on a condition"},
    {"usleep", "", "wait on a condition"},
    {"nanosleep", "", "wait on a condition"},
    {"system_clock::now", "common/base/clock.cc common/rpc/", "take a Clock (deadlines of gRPC are of this clock)"},
    {"std::rand", "", "take a seeded generator"},
    {"srand(", "", "take a seeded generator"},
    {"FIXME", "", "mend it or tell it elsewhere"},
    {"XXX", "", "mend it or tell it elsewhere"},
    {"using namespace std;", "", "name what is used"},
    {"absl::string_view", "common/base/error.cc", "use std::string_view: Abseil's is another type"},
    {"gmtime(", "", "not thread-safe: use common/base/clock.h"},
    {"localtime(", "", "not thread-safe: use common/base/clock.h"},
    {"strtok(", "", "not thread-safe"},
    // Of these files each was looked at: they put constants, table names, dates and enum values into SQL, or write
    // text.
    {"'\" +",
     "services/reporting/rpc/analyses.cc services/reporting/storage/ services/reporting/logic/csv_export.cc"
     " services/pipeline/storage/erasure_store.cc common/tenancy/rows.cc common/resource/ common/filter/ tests/"
     " tools/",
     "SQL takes values as bound parameters only"},
    {"std::endl", "", "use '\\n'"},
};

bool IsTest(string_view path) { return path.ends_with("_test.cc"); }
bool IsCode(string_view path) { return path.ends_with(".cc") || path.ends_with(".h"); }

/// The second part of a path: `db` of `common/db/pool.h`.
string_view SecondPart(string_view path) {
  const size_t first = path.find('/');
  if (first == string_view::npos) return "";
  const size_t second = path.find('/', first + 1);
  return second == string_view::npos ? "" : path.substr(first + 1, second - first - 1);
}

/// What an #include line names; nullopt for other lines.
std::optional<string_view> IncludeOf(string_view line) {
  if (!line.starts_with("#include ") || line.size() < 12) return std::nullopt;
  const char close = line[9] == '<' ? '>' : '"';
  const size_t end = line.find(close, 10);
  if (end == string_view::npos) return std::nullopt;
  return line.substr(10, end - 10);
}

int LayerOf(string_view folder) {
  const auto* found = std::find(kCommon.begin(), kCommon.end(), folder);
  return found == kCommon.end() ? -1 : static_cast<int>(found - kCommon.begin());
}

/// Why a file of common/ must not include `header`; empty if it may.
string_view WhyNotFromCommon(string_view path, string_view header) {
  for (const string_view above : {"services/", "tools/", "tests/"}) {
    if (header.starts_with(above)) return "common/ knows nothing above it";
  }
  if (!header.starts_with("common/")) return "";
  const int from = LayerOf(SecondPart(path));
  const int to = LayerOf(SecondPart(header));
  if (from < 0 || to < 0) return "a folder of common/ that is not in the list of layers";
  if (IsTest(path) && SecondPart(header) == "testing") return "";
  return to > from ? "a folder of common/ includes only those below it" : "";
}

/// Why a file of services/ must not include `header`; empty if it may.
string_view WhyNotFromService(string_view path, string_view header) {
  if (header.starts_with("tools/") || header.starts_with("tests/")) return "a service knows no tools and no tests";
  if (header.starts_with("common/testing/") && !IsTest(path)) return "common/testing is for tests";
  const string_view service = SecondPart(path);
  if (service != "all_in_one" && header.starts_with("services/") && SecondPart(header) != service) {
    return "a service calls another by its RPCs, and includes nothing of it";
  }
  const std::string logic = "services/" + std::string(service) + "/logic/";
  const bool does_io = header.starts_with("common/db/") || header.starts_with("common/redis/");
  if (path.starts_with(logic) && !IsTest(path) && does_io) return "logic/ does no I/O";
  return "";
}

string_view WhyNot(string_view path, string_view header) {
  for (const Library& library : kLibraries) {
    const bool is_this = library.header.ends_with('/') ? header.starts_with(library.header) : header == library.header;
    if (header.ends_with(".pb.h")) continue;  // messages, not the library
    if (is_this && (library.folder.empty() || !path.starts_with(library.folder))) return library.why;
  }
  if (path.starts_with("common/")) return WhyNotFromCommon(path, header);
  if (path.starts_with("services/")) return WhyNotFromService(path, header);
  return "";
}

/// Characters, not bytes: continuation bytes of UTF-8 do not count.
size_t Columns(string_view line) {
  return static_cast<size_t>(std::count_if(
      line.begin(), line.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

bool IsAllowed(const Word& word, string_view path) {
  for (string_view rest = word.only_in; !rest.empty();) {
    const size_t end = std::min(rest.find(' '), rest.size());
    if (path.starts_with(rest.substr(0, end))) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}
/// A word that goes on (std::random of std::rand) is another word.
bool Has(string_view line, string_view word) {
  const size_t at = line.find(word);
  if (at == string_view::npos) return false;
  const auto is_letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  const bool begins = at == 0 || !is_letter(line[at - 1]) || !is_letter(word.front());
  const size_t end = at + word.size();
  return begins && (end == line.size() || !is_letter(line[end]) || !is_letter(word.back()));
}

}  // namespace

std::vector<std::string> Check(string_view path, string_view text) {
  std::vector<std::string> findings;
  int number = 0;
  const auto add = [&](string_view why) {
    findings.push_back(std::string(path) + ":" + std::to_string(number) + ": " + std::string(why));
  };
  while (!text.empty()) {
    ++number;
    const size_t end = std::min(text.find('\n'), text.size());
    const string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));

    if (Columns(line) > kMaxColumns) add("more than 120 columns");
    if (!line.empty() && (line.back() == ' ' || line.back() == '\r')) add("blank at the end of the line");
    if (!IsCode(path)) continue;
    if (const auto header = IncludeOf(line)) {
      if (const string_view why = WhyNot(path, *header); !why.empty()) add(why);
    }
    if (path.starts_with("tests/tidy/")) continue;  // it names them
    for (const Word& word : kWords) {
      if (!IsAllowed(word, path) && Has(line, word.text)) add(std::string(word.text) + ": " + std::string(word.why));
    }
  }
  if (IsCode(path) && number > kMaxLines) add("more than 600 lines");
  return findings;
}

std::vector<std::string> FilesOf(const std::string& root) {
  namespace fs = std::filesystem;
  constexpr string_view kExtensions[] = {".cc", ".h", ".sql", ".cmake", ".sh", ".proto"};
  std::vector<std::string> files;
  for (const char* top : {"cmake", "common", "deploy", "proto", "services", "tests", "tools"}) {
    if (!fs::exists(root + "/" + top)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root + "/" + top)) {
      const std::string extension = entry.path().extension();
      if (entry.is_regular_file() && std::count(std::begin(kExtensions), std::end(kExtensions), extension) > 0) {
        files.push_back(fs::relative(entry.path(), root));
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace embudo::tidy
