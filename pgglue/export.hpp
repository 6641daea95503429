// The export: what has ended becomes rows of the table, in the caller's transaction. See export.cpp.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// Writes every ended bucket that nobody has exported into the table of this database; `end_running`: ends
/// the running one before. The exporter must not: buckets are aligned to the clock unless somebody asks.
/// Returns the number of rows. It is undone with the (sub)transaction. ERROR 55000 when the library is not
/// preloaded, the extension is not here or its objects are not the library's; 25006 in recovery and in
/// read-only transactions.
int64 export_ended_buckets(bool end_running);

/// The table of this database that the extension owns; InvalidOid when the extension is not here, or
/// is 2.3's.
Oid find_export_table();

/// The extension's relation of that name and kind in this database, wherever it lies, or InvalidOid.
Oid find_member(const char* relation, char kind);

/// Ends the running bucket and stamps everything as gone for whom this (sub)transaction is visible:
/// TRUNCATE's part. The caller has locked the table before.
void stamp_all_buckets();

/// Waits for every other transaction that exports or truncates, and keeps them out until this
/// (sub)transaction ends. Take it behind the lock of the table, never before (deadlock).
void lock_exports();

/// The command of this transaction that stamped the bucket; a snapshot with a greater curcid sees its rows in
/// the table. False when this transaction did not stamp it. PG_INT32_MAX-like values (InvalidCommandId) are
/// possible while the export is at work: compare with >= only. Safe under any lock.
bool own_stamp_cid(int64 bucket_number, CommandId* cid);

/// Whether a snapshot of command `cid` sees the rows of every bucket that this transaction stamped. Safe under
/// any lock.
bool own_stamps_before(CommandId cid);

/// Hands the memory of exported buckets back that no snapshot can need any more. Takes and leaves the store
/// lock. True when some have to wait.
bool release_exported_buckets();

/// Ended buckets that wait for an export. Takes the store lock, shared.
uint32 waiting_buckets();

/// Makes this backend follow its transactions for the export and for exporter_database, from the first time
/// that one of them has something to follow: other backends pay nothing at a transaction's end.
void watch_transaction();

}  // namespace pgsm::glue
