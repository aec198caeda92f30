#include "common/testing/temp_dir.h"

#include <stdlib.h>

#include <string>
#include <system_error>

#include "gtest/gtest.h"

namespace embudo::testing {

TempDir::TempDir() {
  std::string name = std::filesystem::temp_directory_path() / "embudo-test-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    ADD_FAILURE() << "cannot make " << name;
    return;
  }
  path_ = name;
  // A server that runs as another user keeps its files in here.
  std::filesystem::permissions(path_, std::filesystem::perms(0711));
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace embudo::testing
