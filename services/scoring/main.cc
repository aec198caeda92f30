#include "common/app/app.h"
#include "services/scoring/bind.h"

int main(int argc, char** argv) { return embudo::app::Run("scoring", embudo::scoring::Bind, argc, argv); }
