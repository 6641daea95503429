// Stored rows lie in partitions of one UTC day of exported_at, made ahead by the export worker. Which
// partition is whose: ours are the ordinary tables below pg_stat_monitor that belong to the extension; their
// names do not matter. What a user attached stays his until he gives it to the extension (ALTER EXTENSION …
// ADD TABLE), and a day of ours is his as soon as he takes it out (ALTER EXTENSION … DROP TABLE).
//
// Readers and exports are not made to wait: a partition is made on the side and attached with a lock on the
// table that only other changes of its shape conflict with, and an exclusive one on the default partition,
// which is next to empty. Dropping needs the table exclusively, and so does attaching a day of which the
// default partition has rows. Whoever calls has set lock_timeout to a few milliseconds, so that nobody queues
// up behind us for longer, and tries again.
#include "core/api.hpp"

#include "pgglue/history_days.hpp"

#include "pgglue/as_owner.hpp"
#include "pgglue/history_privacy.hpp"
#include "pgglue/history_schema.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace pgsm::glue {
namespace {

#include "generated/pgglue/history.inc"

constexpr char kName[] = "pg_stat_monitor";

bool is_own(Oid oid, Oid extension) {
    return get_rel_relkind(oid) == RELKIND_RELATION &&
           getExtensionOfObject(RelationRelationId, oid) == extension;
}

bool says_merged(Oid oid) {
    const char* comment = GetComment(oid, RelationRelationId, 0);
    return comment != nullptr && strncmp(comment, kMergedComment, strlen(kMergedComment)) == 0;
}

TimestampTz bound_of(PartitionBoundInfo bounds, int at) {
    if (at < 0 || bounds->kind[at][0] == PARTITION_RANGE_DATUM_MINVALUE) return DT_NOBEGIN;
    if (bounds->kind[at][0] == PARTITION_RANGE_DATUM_MAXVALUE) return DT_NOEND;
    return DatumGetTimestampTz(bounds->datums[at][0]);
}

void make_member(Oid catalog, Oid oid) {
    if (!OidIsValid(oid)) return;
    ObjectAddress member{catalog, oid, 0};
    ObjectAddress extension{ExtensionRelationId, get_extension_oid(kName, false), 0};
    recordDependencyOn(&member, &extension, DEPENDENCY_EXTENSION);
}

void set_dependency(Oid oid) {
    make_member(RelationRelationId, oid);
    if (PGSM_ROW_TYPES_ARE_MEMBERS) {
        const Oid type = get_rel_type_id(oid);
        make_member(TypeRelationId, type);
        make_member(TypeRelationId, get_array_type(type));
    }
    // What privileges it has is no news to pg_dump.
    recordExtObjInitPriv(oid, RelationRelationId);
    CommandCounterIncrement();
}

/// The columns of `table` that can be written, `exported_at` instead of that column unless it is null.
const char* column_list(Oid table, const char* exported_at) {
    Relation relation = table_open(table, AccessShareLock);
    TupleDesc desc = RelationGetDescr(relation);
    const char* list = "";
    for (int i = 0; i < desc->natts; ++i) {
        const FormData_pg_attribute& column = *TupleDescAttr(desc, i);
        if (column.attisdropped || column.attgenerated != '\0') continue;
        const bool dated = exported_at != nullptr && strcmp(NameStr(column.attname), "exported_at") == 0;
        list = psprintf("%s%s%s", list, list[0] == '\0' ? "" : ", ",
                        dated ? exported_at : quote_identifier(NameStr(column.attname)));
    }
    table_close(relation, NoLock);
    return list;
}

bool is_free(const History& history, TimestampTz from, TimestampTz to) {
    for (int i = 0; i < history.count; ++i)
        if (history.parts[i].from < to && from < history.parts[i].to) return false;
    return true;
}

}  // namespace

TimestampTz day_of(TimestampTz at) {
    const TimestampTz past = at % USECS_PER_DAY;
    return at - (past < 0 ? past + USECS_PER_DAY : past);
}

const char* date_text(TimestampTz at) {
    int year = 0, month = 0, day = 0;
    j2date(static_cast<int>(day_of(at) / USECS_PER_DAY) + POSTGRES_EPOCH_JDATE, &year, &month, &day);
    return psprintf("%04d-%02d-%02d", year, month, day);
}

const char* instant_literal(TimestampTz at) {
    const int64 us = at - day_of(at);
    const int64 seconds = us / USECS_PER_SEC;
    return psprintf("'%s %02d:%02d:%02d.%06d+00'::timestamptz", date_text(at),
                    static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60),
                    static_cast<int>(seconds % 60), static_cast<int>(us % USECS_PER_SEC));
}

int64 bytes_of(Oid oid) {
    return DatumGetInt64(DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(oid)));
}

uint64 run_sql(const char* sql) {
    const int result = SPI_execute(sql, false, 0);
    if (result < 0) elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
    return SPI_processed;
}

const char* qualified_name(Oid oid) {
    const char* name = get_rel_name(oid);
    if (name == nullptr) elog(ERROR, "relation %u is gone", oid);
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(oid)), name);
}

History read_history(Oid table, bool sizes) {
    History history{};
    const Oid extension = get_extension_oid(kName, false);
    Relation relation = table_open(table, AccessShareLock);
    PartitionDesc parts = RelationGetPartitionDesc(relation, true);
    PartitionBoundInfo bounds = parts->boundinfo;
    if (bounds != nullptr) {
        history.parts =
            static_cast<HistoryPart*>(palloc0(static_cast<Size>(bounds->ndatums + 1) * sizeof(HistoryPart)));
        for (int i = 0; i < bounds->ndatums; ++i) {
            if (bounds->indexes[i] < 0) continue;
            HistoryPart& part = history.parts[history.count++];
            part.oid = parts->oids[bounds->indexes[i]];
            part.from = bound_of(bounds, i - 1);
            part.to = bound_of(bounds, i);
            part.own = is_own(part.oid, extension);
            part.merged = part.own && says_merged(part.oid);
        }
        if (bounds->default_index >= 0) history.rest = parts->oids[bounds->default_index];
        history.rest_own = OidIsValid(history.rest) && is_own(history.rest, extension);
    }
    table_close(relation, NoLock);
    for (int i = 0; sizes && i < history.count; ++i)
        if (history.parts[i].own) history.parts[i].bytes = bytes_of(history.parts[i].oid);
    if (sizes && history.rest_own) history.rest_bytes = bytes_of(history.rest);
    return history;
}

uint64 move_rows(Oid table, Oid from, Oid to, const char* condition, const char* exported_at) {
    return run_sql(psprintf("WITH moved AS (DELETE FROM ONLY %s WHERE %s RETURNING *) INSERT INTO %s (%s) "
                            "SELECT %s FROM moved",
                            qualified_name(from), condition, qualified_name(to), column_list(table, nullptr),
                            column_list(table, exported_at)));
}

void copy_rows(Oid table, Oid from, Oid to, const char* condition) {
    const char* columns = column_list(table, nullptr);
    run_sql(psprintf("INSERT INTO %s (%s) SELECT %s FROM ONLY %s WHERE %s", qualified_name(to), columns,
                     columns, qualified_name(from), condition));
}

const char* day_label(TimestampTz day, const char* suffix) {
    const char* date = date_text(day);
    return psprintf("%.4s%.2s%.2s%s", date, date + 5, date + 8, suffix);
}

Oid make_detached(Oid table, const char* label, const char* comment) {
    const Oid space = history_schema(table);
    const char* name = ChooseRelationName(kName, nullptr, label, space, false);
    const char* full = quote_qualified_identifier(get_namespace_name(space), name);
    run_sql(psprintf("CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED "
                     "INCLUDING INDEXES INCLUDING STORAGE INCLUDING COMPRESSION)",
                     full, qualified_name(table)));
    // So that rows can be deleted even where somebody publishes all tables.
    run_sql(psprintf("ALTER TABLE %s REPLICA IDENTITY FULL", full));
    run_sql(psprintf("COMMENT ON TABLE %s IS %s", full, quote_literal_cstr(comment)));
    const Oid made = get_relname_relid(name, space);
    protect_table(made);
    set_dependency(made);
    return made;
}

void lock_for_change(Oid table, Oid rest, Oid part) {
    LockRelationOid(table, AccessExclusiveLock);
    if (OidIsValid(rest)) LockRelationOid(rest, AccessExclusiveLock);
    if (OidIsValid(part)) LockRelationOid(part, AccessExclusiveLock);
}

void attach(Oid table, Oid part, TimestampTz from, TimestampTz to) {
    run_sql(psprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)", qualified_name(table),
                     qualified_name(part), instant_literal(from), instant_literal(to)));
}

bool make_day(Oid table, TimestampTz day) {
    const TimestampTz next = day + USECS_PER_DAY;
    // One that changes the partitions at a time; neither readers nor writers wait for it, unless rows are
    // moved.
    LockRelationOid(table, ShareUpdateExclusiveLock);
    const History history = read_history(table, false);
    if (!is_free(history, day, next)) return false;
    const Oid made = make_detached(table, day_label(day, ""),
                                   psprintf("Exported statistics of the day (UTC) %s.", date_text(day)));
    // A reader that has planned with the partitions as they were would wait for the default one, and find the
    // rows neither there nor, in its plan, here.
    const char* rows_of_day =
        psprintf("exported_at >= %s AND exported_at < %s", instant_literal(day), instant_literal(next));
    if (history.rest_own && move_rows(table, history.rest, made, rows_of_day, nullptr) > 0)
        lock_for_change(table, history.rest, InvalidOid);
    // What exports have committed meanwhile would not let it be attached. Behind the lock nothing comes.
    if (history.rest_own) {
        LockRelationOid(history.rest, AccessExclusiveLock);
        if (move_rows(table, history.rest, made, rows_of_day, nullptr) > 0)
            lock_for_change(table, InvalidOid, InvalidOid);
    }
    attach(table, made, day, next);
    return true;
}

void drop_own(Oid oid) {
    // A member of an extension cannot be dropped by itself.
    deleteDependencyRecordsForClass(RelationRelationId, oid, ExtensionRelationId, DEPENDENCY_EXTENSION);
    const Oid type = get_rel_type_id(oid);
    deleteDependencyRecordsForClass(TypeRelationId, type, ExtensionRelationId, DEPENDENCY_EXTENSION);
    deleteDependencyRecordsForClass(TypeRelationId, get_array_type(type), ExtensionRelationId,
                                    DEPENDENCY_EXTENSION);
    CommandCounterIncrement();
    run_sql(psprintf("DROP TABLE %s", qualified_name(oid)));
}

}  // namespace pgsm::glue
