// What the fuzzers have found worth keeping goes through each target again, with every run of the unit tests.

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "common/testing/process.h"
#include "common/testing/temp_dir.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace embudo::testing {
namespace {

/// What is tried now: a target that finds something wrong aborts.
std::string input;

void TellInput(int /*signal*/) {
  const ssize_t written = write(STDERR_FILENO, input.data(), input.size());
  static_cast<void>(written);
}

TEST(CorpusTest, NothingIsFoundAnyMore) {
  const TempDir inputs;
  const auto unpacked =
      RunProgram({"tar", "--extract", "--gzip", "--file", EMBUDO_CORPUS, "--directory", inputs.path()});
  ASSERT_TRUE(unpacked.ok()) << unpacked.status();
  std::signal(SIGABRT, TellInput);
  int count = 0;
  for (const auto& file : std::filesystem::directory_iterator(inputs.path())) {
    input = "aborted by " + file.path().filename().string() + " of " EMBUDO_CORPUS "\n";
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    ++count;
  }
  EXPECT_GT(count, 10);
}

}  // namespace
}  // namespace embudo::testing
