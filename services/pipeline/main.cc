#include "common/app/app.h"
#include "services/pipeline/bind.h"

int main(int argc, char** argv) {
  return embudo::app::Run("pipeline", embudo::pipeline::Bind, argc, argv, embudo::pipeline::Options());
}
