// The only file that includes postgres.h, and the only one that knows how the majors differ.
// Include order of a glue file: std headers, core/api.hpp, this file, further PostgreSQL headers inside
// extern "C".
#pragma once

extern "C" {
#include "postgres.h"
#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
#include "utils/elog.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
// 19's headers include less, and it moved get_database_oid() and get_database_name().
#if PG_VERSION_NUM >= 190000
#include "catalog/pg_database.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
#endif
// 18 took the state and the formats of EXPLAIN apart.
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "nodes/queryjumble.h"
#else
#include "utils/queryjumble.h"
#endif
}

#if PG_VERSION_NUM < 150000
#error "pg_stat_monitor needs PostgreSQL 15 or newer"
#elif PG_VERSION_NUM >= 200000
#error "pg_stat_monitor knows PostgreSQL 15 to 19; what is newer has to be looked at in pgglue/pg.hpp first"
#endif

// 15 defines it empty and does not declare _PG_init, so that nothing would leave a library built with hidden
// symbols.
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
extern "C" PGDLLEXPORT void _PG_init(void);
#endif

// 18 shows a library's name and version in pg_get_loaded_modules().
#if PG_VERSION_NUM >= 180000
#define PGSM_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "pg_stat_monitor", .version = PGSM_VERSION)
#else
#define PGSM_MODULE_MAGIC PG_MODULE_MAGIC
#endif

// SQL-callable entry point: C linkage, exported, with its finfo record.
#define PGSM_FUNCTION(name)                                                                                  \
    extern "C" {                                                                                             \
    PG_FUNCTION_INFO_V1(name);                                                                               \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                                                \
    }                                                                                                        \
    Datum name([[maybe_unused]] PG_FUNCTION_ARGS)

namespace pgsm::glue {

// 17 counts the deforming of tuples by JIT; 18 full WAL buffers and parallel workers.
#define PGSM_HAS_JIT_DEFORM (PG_VERSION_NUM >= 170000)
#define PGSM_HAS_WAL_AND_WORKER_COUNTS (PG_VERSION_NUM >= 180000)

// 17 split the I/O times of shared and local blocks and renamed the fields.
#if PG_VERSION_NUM >= 170000
#define PGSM_SHARED_READ_TIME(usage) ((usage).shared_blk_read_time)
#define PGSM_SHARED_WRITE_TIME(usage) ((usage).shared_blk_write_time)
#define PGSM_HAS_LOCAL_BLOCK_TIMES 1
#else
#define PGSM_SHARED_READ_TIME(usage) ((usage).blk_read_time)
#define PGSM_SHARED_WRITE_TIME(usage) ((usage).blk_write_time)
#define PGSM_HAS_LOCAL_BLOCK_TIMES 0
#endif

// 18 dropped execute_once.
#if PG_VERSION_NUM >= 180000
#define PGSM_EXECUTOR_RUN_PARAMS QueryDesc *query_desc, ScanDirection direction, uint64 count
#define PGSM_EXECUTOR_RUN_ARGS query_desc, direction, count
#else
#define PGSM_EXECUTOR_RUN_PARAMS                                                                             \
    QueryDesc *query_desc, ScanDirection direction, uint64 count, bool execute_once
#define PGSM_EXECUTOR_RUN_ARGS query_desc, direction, count, execute_once
#endif

// 19 tells the planner of an EXPLAIN.
#if PG_VERSION_NUM >= 190000
#define PGSM_PLANNER_PARAMS                                                                                  \
    Query *parse, const char *query_string, int cursor_options, ParamListInfo params, ExplainState *explain
#define PGSM_PLANNER_ARGS parse, query_string, cursor_options, params, explain
#else
#define PGSM_PLANNER_PARAMS Query *parse, const char *query_string, int cursor_options, ParamListInfo params
#define PGSM_PLANNER_ARGS parse, query_string, cursor_options, params
#endif

// From 19 on a backslash is a plain character in plain literals, always.
#if PG_VERSION_NUM >= 190000
#define PGSM_PLAIN_BACKSLASHES true
#else
#define PGSM_PLAIN_BACKSLASHES standard_conforming_strings
#endif

// 16 jumbles trees of utility statements and needs no text for it.
#if PG_VERSION_NUM >= 160000
#define PGSM_JUMBLE_QUERY(query, text) (static_cast<void>(text), static_cast<void>(JumbleQuery(query)))
#define PGSM_ROWS_PROCESSED(estate) static_cast<int64>((estate)->es_total_processed)
#else
#define PGSM_JUMBLE_QUERY(query, text) static_cast<void>(JumbleQuery(query, text))
#define PGSM_ROWS_PROCESSED(estate) static_cast<int64>((estate)->es_processed)
#endif

// 17 and 18 each put an argument into it. For paths without order, parameters, outer path and private data.
#if PG_VERSION_NUM >= 180000
#define PGSM_FOREIGN_SCAN_PATH(root, rel, rows, startup, total)                                              \
    create_foreignscan_path(root, rel, nullptr, rows, 0, startup, total, NIL, nullptr, nullptr, NIL, NIL)
#elif PG_VERSION_NUM >= 170000
#define PGSM_FOREIGN_SCAN_PATH(root, rel, rows, startup, total)                                              \
    create_foreignscan_path(root, rel, nullptr, rows, startup, total, NIL, nullptr, nullptr, NIL, NIL)
#else
#define PGSM_FOREIGN_SCAN_PATH(root, rel, rows, startup, total)                                              \
    create_foreignscan_path(root, rel, nullptr, rows, startup, total, NIL, nullptr, nullptr, NIL)
#endif

// Until 16 there are no subtransactions, not even internal ones, while a parallel query runs.
#if PG_VERSION_NUM >= 170000
#define PGSM_NO_SUBTRANSACTION_NOW() false
#else
#define PGSM_NO_SUBTRANSACTION_NOW() IsInParallelMode()
#endif

// From 17 on the row type of an extension's table, and the array of it, are members as well, and ALTER
// EXTENSION … DROP TABLE fails where they are not.
#if PG_VERSION_NUM >= 170000
#define PGSM_ROW_TYPES_ARE_MEMBERS true
#else
#define PGSM_ROW_TYPES_ARE_MEMBERS false
#endif

// 18 squashes lists of constants, and may note parameters among the constants.
#if PG_VERSION_NUM >= 180000
#define PGSM_SQUASHED_BYTES(noted) ((noted).squashed ? (noted).length : 0)
#define PGSM_KEPT_PARAMETER(jumble, noted) ((noted).extern_param && !(jumble)->has_squashed_lists)
#define PGSM_SQUASHES_LISTS true
#else
#define PGSM_SQUASHED_BYTES(noted) 0
#define PGSM_KEPT_PARAMETER(jumble, noted) false
#define PGSM_SQUASHES_LISTS false
#endif

// 16 put the checks of privileges and owners of all kinds of objects into one function each.
#if PG_VERSION_NUM >= 160000
#define PGSM_MAY_CREATE_IN(schema, role)                                                                     \
    (object_aclcheck(NamespaceRelationId, schema, role, ACL_CREATE) == ACLCHECK_OK)
#define PGSM_MAY_EXECUTE(function, role)                                                                     \
    (object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == ACLCHECK_OK)
#define PGSM_OWNS_EXTENSION(extension, role) object_ownercheck(ExtensionRelationId, extension, role)
#else
#define PGSM_MAY_CREATE_IN(schema, role) (pg_namespace_aclcheck(schema, role, ACL_CREATE) == ACLCHECK_OK)
#define PGSM_MAY_EXECUTE(function, role) (pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK)
#define PGSM_OWNS_EXTENSION(extension, role) pg_extension_ownercheck(extension, role)
#endif

// 19 tells the publications that name a table from those that leave it out of all tables.
#if PG_VERSION_NUM >= 190000
#define PGSM_NAMING_PUBLICATIONS(table) GetRelationIncludedPublications(table)
#define PGSM_EXCLUDED_PUBLICATIONS(table) GetRelationExcludedPublications(table)
#else
#define PGSM_NAMING_PUBLICATIONS(table) GetRelationPublications(table)
#define PGSM_EXCLUDED_PUBLICATIONS(table) NIL
#endif

// 17 lets an extension name what it waits for.
#if PG_VERSION_NUM >= 170000
#define PGSM_WAIT_EVENT(name) WaitEventExtensionNew(name)
#else
#define PGSM_WAIT_EVENT(name) PG_WAIT_EXTENSION
#endif

// 18 links the background workers both ways, in a ring.
#if PG_VERSION_NUM >= 180000
#define PGSM_NEXT_WORKER(node) ((node)->next == &BackgroundWorkerList.head ? nullptr : (node)->next)
#define PGSM_FIRST_WORKER                                                                                    \
    (BackgroundWorkerList.head.next == nullptr ? nullptr : PGSM_NEXT_WORKER(&BackgroundWorkerList.head))
#else
#define PGSM_NEXT_WORKER(node) ((node)->next)
#define PGSM_FIRST_WORKER (BackgroundWorkerList.head.next)
#endif

// All settings of the server and of its libraries. 16 has them in a hash table and makes a list of it.
#if PG_VERSION_NUM >= 160000
#define PGSM_ALL_SETTINGS(count) get_guc_variables(count)
#else
#define PGSM_ALL_SETTINGS(count) (*(count) = GetNumConfigOptions(), get_guc_variables())
#endif

// 17 can look for a stronger lock as well.
#if PG_VERSION_NUM >= 170000
#define PGSM_HOLDS_LOCK(tag, mode) LockHeldByMe(tag, mode, false)
#else
#define PGSM_HOLDS_LOCK(tag, mode) LockHeldByMe(tag, mode)
#endif

// 19 made the jumble state const, and the numbers of the system caches a type.
#if PG_VERSION_NUM >= 190000
using JumbleStateArg = const JumbleState*;
using SystemCacheId = SysCacheIdentifier;
#else
using JumbleStateArg = JumbleState*;
using SystemCacheId = int;
#endif

}  // namespace pgsm::glue
