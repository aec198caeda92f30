#include "common/app/app.h"
#include "services/reporting/bind.h"

int main(int argc, char** argv) {
  return embudo::app::Run("reporting", embudo::reporting::Bind, argc, argv, embudo::reporting::Options());
}
