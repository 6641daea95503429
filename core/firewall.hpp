// The wall between the core and PostgreSQL, checked by the compiler. A translation unit that has met
// postgres.h before its first core header has PostgreSQL's macros (printf, Min, ERROR, StaticAssert, ...) in
// the standard headers the core needs: it must include the core first, then pgglue/pg.hpp (style.md 3).
#pragma once

#ifdef POSTGRES_H
#error "include the core's headers before postgres.h (see core/firewall.hpp)"
#endif
