// The settings that the export worker runs with. See worker_settings.cpp.
#pragma once

namespace pgsm::glue {

/// Before the worker is connected.
void pin_settings();

}  // namespace pgsm::glue
