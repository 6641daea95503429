// The wall: what pgglue/ may use of the core. Include it before any PostgreSQL header.
#pragma once
#include "core/firewall.hpp"

#include "core/client_address.hpp"
#include "core/hash.hpp"
#include "core/histogram.hpp"
#include "core/image.hpp"
#include "core/import.hpp"
#include "core/message_text.hpp"
#include "core/plan_text.hpp"
#include "core/query_text.hpp"
#include "core/secrets.hpp"
#include "core/snapshot.hpp"
#include "core/sql_literal.hpp"
#include "core/sql_statements.hpp"
#include "core/sql_tokens.hpp"
#include "core/store.hpp"
#include "core/sweep.hpp"
