#include "common/app/app.h"
#include "services/automation/bind.h"

int main(int argc, char** argv) {
  return embudo::app::Run("automation", embudo::automation::Bind, argc, argv, embudo::automation::Options());
}
