// Rows of errors and warnings. The row of an error has what the statement had used until then (failure.hpp).
// The hook runs in the middle of error reporting, possibly for lack of memory or in an aborted transaction:
// nothing in it raises an error, touches a catalog or waits for more than the store lock.
#include "core/api.hpp"

#include "pgglue/collect.hpp"
#include "pgglue/error_message.hpp"
#include "pgglue/failure.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/install.hpp"
#include "pgglue/session.hpp"
#include "pgglue/shmem.hpp"
#include "pgglue/tokens.hpp"
#include "pgglue/tracking.hpp"

#include <cstring>

extern "C" {
#include "access/parallel.h"
#include "mb/pg_wchar.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
}

namespace pgsm::glue {
namespace {

emit_log_hook_type prev_emit_log;
bool in_log_hook;
MemoryContext hook_memory;

/// What a signal handler says before it ends the process (SIGQUIT): the server may be anywhere then, holding
/// any lock.
bool is_in_signal_handler(const ErrorData* error) {
    return error->elevel == WARNING && !is_written_by_users(error) &&
           (error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN || error->sqlerrcode == ERRCODE_CRASH_SHUTDOWN);
}

bool worth_recording(const ErrorData* error) {
    return error->elevel >= WARNING && !is_in_signal_handler(error) && !IsBinaryUpgrade &&
           debug_query_string != nullptr && MyProc != nullptr && store_ready() && tracking_suspended == 0 &&
           !IsParallelWorker() && !proc_exit_inprogress && CritSectionCount == 0 &&
           MyDatabaseId != InvalidOid && !store_lock_held();
}

/// The statement that failed.
struct Failed {
    SourceSlice slice;
    TextKind kind;
    int64 queryid;  // 0: it has none
    uint8 command;  // the server's CmdType; CMD_UNKNOWN: not parsed, or by another message
};

/// Of a character that the server counts from 1, in bytes; -1 where that can't be told without the server's
/// help, which may raise an error.
int byte_of(std::string_view text, int character) {
    if (character <= 0) return -1;
    if (pg_database_encoding_max_length() == 1) return character - 1;
    if (GetDatabaseEncoding() != PG_UTF8) return -1;
    size_t at = 0;
    for (int passed = 1; at < text.size(); ++at) {
        if ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;
        if (passed++ == character) break;
    }
    return static_cast<int>(at);
}

bool lies_in(int at, const SourceSlice& slice) {
    return at >= slice.location && (slice.length <= 0 || at <= slice.location + slice.length);
}

/// Where the next statement behind one that has been executed begins.
int behind(const SourceSlice& slice, std::string_view text) {
    return slice.length > 0 ? slice.location + slice.length + 1 : static_cast<int>(text.size());
}

/// A statement of the string that has not been parsed, or not successfully.
Failed failed_at(std::string_view text, int at) {
    const std::string_view statement =
        core::statement_at(text, static_cast<size_t>(Max(at, 0)), plain_backslashes());
    const std::string_view trimmed = core::trim_statement(statement, -1, 0);
    if (trimmed.empty()) return {{nullptr, -1, 0}, TextKind::utility, 0, CMD_UNKNOWN};
    return {{text.data(), static_cast<int>(trimmed.data() - text.data()), static_cast<int>(trimmed.size())},
            TextKind::utility,
            0,
            CMD_UNKNOWN};
}

Failed failed_statement(const ErrorData* error, std::string_view text) {
    const int at = byte_of(text, error->cursorpos);
    if (is_parsed_now() && parsed_statement.slice.source == text.data()) {
        const SourceSlice& parsed = parsed_statement.slice;
        const int next = behind(parsed, text);
        const bool is_next = at >= 0 ? !lies_in(at, parsed) : parsed_statement.ended;
        Failed next_one = is_next ? failed_at(text, at >= 0 ? at : next) : Failed{};
        // Deferred checks fail when the last statement has ended.
        if (is_next && next_one.slice.source != nullptr) return next_one;
        return {parsed, parsed_statement.command != CMD_UTILITY ? TextKind::planned : TextKind::utility,
                parsed_statement.queryid, parsed_statement.command};
    }
    Failed failed = failed_at(text, at);
    // What the extended protocol executes has been parsed by a message of its own.
    if (executed_statement.queryid != 0 &&
        executed_statement.message_time == GetCurrentStatementStartTimestamp())
        failed.queryid = executed_statement.queryid;
    return failed;
}

/// The command of what the parser has not told, by its first word. CMD_UNKNOWN for WITH, which may be any
/// query.
CmdType command_by_first_word(std::string_view text) {
    core::SqlTokens tokens{text, plain_backslashes()};
    core::SqlToken token = tokens.next();
    while (token.symbol == '(') token = tokens.next();
    if (core::statement_kind(text, {&token, 1}) != core::StatementKind::query) return CMD_UTILITY;
    const std::string_view word{text.data() + token.begin, token.end - token.begin};
    if (core::same_word(word, "insert")) return CMD_INSERT;
    if (core::same_word(word, "update")) return CMD_UPDATE;
    if (core::same_word(word, "delete")) return CMD_DELETE;
    if (core::same_word(word, "merge")) return CMD_MERGE;
    return core::same_word(word, "with") ? CMD_UNKNOWN : CMD_SELECT;
}

bool is_execute(std::string_view text) {
    core::SqlTokens tokens{text, plain_backslashes()};
    const core::SqlToken token = tokens.next();
    return core::same_word({text.data() + token.begin, token.end - token.begin}, "execute");
}

bool is_query(std::string_view text) { return command_by_first_word(text) != CMD_UTILITY; }

bool is_syntax_error(int sqlerrcode) {
    return sqlerrcode == ERRCODE_SYNTAX_ERROR || sqlerrcode == ERRCODE_INVALID_ESCAPE_SEQUENCE ||
           sqlerrcode == ERRCODE_NONSTANDARD_USE_OF_ESCAPE_CHARACTER;
}

uint8 command_of(const Failed& failed) {
    if (failed.kind == TextKind::unparsed || failed.slice.source == nullptr) return CMD_UNKNOWN;
    if (failed.command != CMD_UNKNOWN) return failed.command;
    return static_cast<uint8>(command_by_first_word(slice_text(failed.slice)));
}

void capture(const ErrorData* error) {
    const std::string_view client_string{debug_query_string, strlen(debug_query_string)};
    Failed failed = failed_statement(error, client_string);
    // A warning ends nothing: what the statement uses is in the row of its execution.
    const bool ends = error->elevel >= ERROR;
    Spent spent;
    const bool known = ends && client_spent(error, spent);
    // What EXECUTE runs is the statement that was prepared.
    if (known && spent.slice.source != nullptr && spent.cmd_type != CMD_UTILITY &&
        is_execute(slice_text(failed.slice)))
        failed = {spent.slice, TextKind::planned, spent.queryid, spent.cmd_type};
    if (failed.kind == TextKind::utility && failed.queryid == 0 && is_syntax_error(error->sqlerrcode))
        failed.kind = TextKind::unparsed;
    if (failed.kind == TextKind::utility && is_query(slice_text(failed.slice)))
        failed.kind = TextKind::planned;
    const StatementText text = statement_text(failed.queryid, failed.slice, failed.kind);
    const auto reported = static_cast<int64>(pgstat_get_my_query_id());
    if (failed.queryid == 0 && failed.kind != TextKind::unparsed) failed.queryid = reported;
    const int64 server_queryid = failed.queryid;
    // Without an id of its own, above all when it could not be parsed: the hash of the text, as in 2.3.
    if (failed.queryid == 0 || text.id_tells) failed.queryid = text.kept_hash;

    Execution execution;
    std::string_view names;
    if (!known) {
        spent.identified = false;
        spent.counters = {};
        spent.counters.hot.exec = core::moments_of(ends ? unmeasured_ms() : 0.0);
    }
    if (ends) take_failed_plannings(server_queryid, 0, spent.counters);
    if (spent.identified) {
        execution.identity = spent.identity;
        names = {spent.names, spent.names_len};
        execution.names = &names;
    } else {
        set_identity(execution.identity, client_session_without_catalog(), true, 0);
    }
    // A warning comes from inside of what raised it, an error when all that is over, or ends the process.
    execution.identity.flags = core::kError | (ends || nesting_level <= 1 ? core::kTopLevel : 0);
    execution.queryid = failed.queryid;
    execution.sample = spent.counters;
    execution.cell = core::cell_of(histogram_bounds(), spent.counters.hot.exec.total);
    execution.cmd_type = known && spent.queryid == server_queryid ? spent.cmd_type : command_of(failed);
    execution.text = &text;
    execution.elevel = static_cast<uint8>(error->elevel);
    char message[kMessageBytes + 16];
    record_error(execution, error->sqlerrcode,
                 error_message(error, failed.slice, failed.kind, text.has_secret, message, sizeof message), {});
}

extern "C" void pgsm_emit_log(ErrorData* error) {
    if (!in_log_hook && worth_recording(error)) {
        in_log_hook = true;
        MemoryContext old = MemoryContextSwitchTo(hook_memory);
        capture(error);
        MemoryContextSwitchTo(old);
        MemoryContextReset(hook_memory);
        in_log_hook = false;
    }
    if (prev_emit_log) prev_emit_log(error);
}

}  // namespace

void install_log_hook() {
    hook_memory = AllocSetContextCreate(TopMemoryContext, "pg_stat_monitor errors", ALLOCSET_SMALL_SIZES);
    prev_emit_log = emit_log_hook;
    emit_log_hook = pgsm_emit_log;
}

}  // namespace pgsm::glue
