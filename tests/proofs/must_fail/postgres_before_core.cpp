// PostgreSQL's headers redefine what the core's need: the core comes first.
// expect: #error
#define POSTGRES_H
#include "core/store.hpp"
