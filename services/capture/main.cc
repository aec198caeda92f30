#include "common/app/app.h"
#include "services/capture/bind.h"

int main(int argc, char** argv) {
  return embudo::app::Run("capture", embudo::capture::Bind, argc, argv, embudo::capture::Options());
}
