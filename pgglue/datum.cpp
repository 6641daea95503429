#include <cstring>
#include <string_view>

#include "core/api.hpp"

#include "pgglue/datum.hpp"

extern "C" {
#include <sys/socket.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/numeric.h"
}

namespace pgsm::glue {
namespace {

/// True when no byte has its high bit set or is 0. Eight bytes at a time: every text of every row comes by
/// here.
bool is_ascii(std::string_view value) {
    constexpr uint64 kHighBits = 0x8080808080808080;
    constexpr uint64 kOnes = 0x0101010101010101;
    std::size_t at = 0;
    for (; at + sizeof(uint64) <= value.size(); at += sizeof(uint64)) {
        uint64 word;
        std::memcpy(&word, value.data() + at, sizeof word);
        // word - kOnes borrows into the high bit of a byte that is 0.
        if (((word | (word - kOnes)) & kHighBits) != 0) return false;
    }
    for (; at < value.size(); ++at)
        if (IS_HIGHBIT_SET(value[at]) || value[at] == '\0') return false;
    return true;
}

/// Appends `value`, which claims to be in the database's encoding.
void append_valid(StringInfo out, std::string_view value) {
    const int encoding = GetDatabaseEncoding();
    while (!value.empty()) {
        const int length = static_cast<int>(value.size());
        const int good = pg_encoding_verifymbstr(encoding, value.data(), length);
        appendBinaryStringInfo(out, value.data(), good);
        if (good == length) return;
        appendStringInfoChar(out, '?');
        value.remove_prefix(static_cast<std::size_t>(good) + 1);
    }
}

/// Appends `value` without what is not ASCII: one '?' for each character, as far as they can be told apart.
void append_ascii(StringInfo out, std::string_view value, int encoding) {
    while (!value.empty()) {
        if (!IS_HIGHBIT_SET(value.front()) && value.front() != '\0') {
            appendStringInfoCharMacro(out, value.front());
            value.remove_prefix(1);
            continue;
        }
        const int length = pg_encoding_verifymbchar(encoding, value.data(), static_cast<int>(value.size()));
        appendStringInfoChar(out, '?');
        value.remove_prefix(length > 0 ? static_cast<std::size_t>(length) : 1);
    }
}

/// Appends `value` converted by `conversion`, with '?' for what the database's encoding does not have.
void append_converted(StringInfo out, std::string_view value, int encoding, Oid conversion) {
    const int room = static_cast<int>(value.size()) * MAX_CONVERSION_GROWTH + 1;
    unsigned char* buffer = static_cast<unsigned char*>(palloc(room));
    while (!value.empty()) {
        unsigned char* source = reinterpret_cast<unsigned char*>(const_cast<char*>(value.data()));
        const int done = pg_do_encoding_conversion_buf(conversion, encoding, GetDatabaseEncoding(), source,
                                                       static_cast<int>(value.size()), buffer, room, true);
        appendStringInfoString(out, reinterpret_cast<char*>(buffer));
        value.remove_prefix(static_cast<std::size_t>(done));
        if (value.empty()) break;
        const int length = pg_encoding_verifymbchar(encoding, value.data(), static_cast<int>(value.size()));
        appendStringInfoChar(out, '?');
        value.remove_prefix(length > 0 ? static_cast<std::size_t>(length) : 1);
    }
    pfree(buffer);
}

/// `value` in the database's encoding: itself if it is that already, else a new string.
std::string_view readable(int encoding, std::string_view value) {
    const int mine = GetDatabaseEncoding();
    if (is_ascii(value)) return value;
    const int length = static_cast<int>(value.size());
    // SQL_ASCII as the writer's says nothing about the bytes: perhaps they are the reader's. As the reader's
    // it takes any.
    const bool same = encoding == mine || encoding == PG_SQL_ASCII || mine == PG_SQL_ASCII;
    if (same && pg_encoding_verifymbstr(mine, value.data(), length) == length) return value;

    StringInfoData out;
    initStringInfo(&out);
    if (same) {
        append_valid(&out, value);
    } else if (!PG_VALID_BE_ENCODING(encoding)) {
        append_ascii(&out, value, PG_SQL_ASCII);
    } else {
        const Oid conversion = FindDefaultConversionProc(encoding, mine);
        if (OidIsValid(conversion))
            append_converted(&out, value, encoding, conversion);
        else
            append_ascii(&out, value, encoding);
    }
    return {out.data, static_cast<std::size_t>(out.len)};
}

/// The first line of `rest`, which loses it.
std::string_view take_line(std::string_view& rest) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return line;
}

Datum plain_text(std::string_view value) {
    return PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size())));
}

Datum text_array(Datum* elements, int count) {
    return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

}  // namespace

DatumContext datum_context(core::Store store, const core::Entry& entry) {
    return {core::unpack_session(store.text(entry.session)).encoding};
}

Datum text_datum(const DatumContext& ctx, std::string_view value) {
    return plain_text(readable(ctx.encoding, value));
}

Datum text_list_datum(const DatumContext& ctx, std::string_view value) {
    int lines = 1;
    for (const char c : value) lines += c == '\n';
    Datum* elements = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<std::size_t>(lines)));
    int count = 0;
    while (!value.empty()) elements[count++] = text_datum(ctx, take_line(value));
    return text_array(elements, count);
}

Datum text_list_joined_datum(const DatumContext& ctx, std::string_view value) {
    StringInfoData out;
    initStringInfo(&out);
    while (!value.empty()) {
        const std::string_view line = readable(ctx.encoding, take_line(value));
        appendBinaryStringInfo(&out, line.data(), static_cast<int>(line.size()));
        if (!value.empty()) appendStringInfoChar(&out, ',');
    }
    return plain_text({out.data, static_cast<std::size_t>(out.len)});
}

Datum cells_datum(const DatumContext&, const core::ResponseCells& cells) {
    // Most cells of most rows are 0, so the array is laid out here, in one piece, as array.h describes it:
    // construct_array() and a text for each cell cost more than all other columns of a row together.
    constexpr Size kMostElement = INTALIGN(VARHDRSZ + MAXINT8LEN + 1);
    const Size cap = ARR_OVERHEAD_NONULLS(1) + cells.count * kMostElement;
    auto* array = static_cast<ArrayType*>(palloc0(cap));
    char* at = reinterpret_cast<char*>(array) + ARR_OVERHEAD_NONULLS(1);
    for (uint32 i = 0; i < cells.count; ++i) {
        int length = 1;
        if (cells.cell[i] == 0)
            *VARDATA(at) = '0';
        else
            length = pg_lltoa(cells.cell[i], VARDATA(at));
        SET_VARSIZE(at, VARHDRSZ + length);
        if (cells.cell[i] != 0) VARDATA(at)[length] = '\0';
        at += INTALIGN(VARHDRSZ + length);
    }
    SET_VARSIZE(array, at - reinterpret_cast<char*>(array));
    array->ndim = 1;
    array->dataoffset = 0;
    array->elemtype = TEXTOID;
    ARR_DIMS(array)[0] = static_cast<int>(cells.count);
    ARR_LBOUND(array)[0] = 1;
    return PointerGetDatum(array);
}

Datum cells_joined_datum(const DatumContext&, const core::ResponseCells& cells) {
    char joined[core::kMaxHistogramCells * (MAXINT8LEN + 1)];
    char* end = joined;
    for (uint32 i = 0; i < cells.count; ++i) {
        if (i > 0) *end++ = ',';
        end += pg_lltoa(cells.cell[i], end);
    }
    return plain_text({joined, static_cast<std::size_t>(end - joined)});
}

Datum sqlstate_datum(uint32 sqlstate) {
    return plain_text({unpack_sql_state(static_cast<int>(sqlstate)), 5});
}

Datum inet_datum(const core::ClientAddress& address) {
    const core::ClientAddress& shown = address.family == 0 ? core::kLoopbackAddress : address;
    inet* value = static_cast<inet*>(palloc0(sizeof(inet)));
    ip_family(value) = shown.family == 6 ? PGSQL_AF_INET6 : PGSQL_AF_INET;
    ip_bits(value) = static_cast<unsigned char>(ip_maxbits(value));
    std::memcpy(ip_addr(value), shown.bytes, static_cast<std::size_t>(ip_addrsize(value)));
    SET_INET_VARSIZE(value);
    return InetPGetDatum(value);
}

Datum address_int8_datum(const core::ClientAddress& address) {
    const core::ClientAddress& shown = address.family == 0 ? core::kLoopbackAddress : address;
    int64 number = 0;
    for (int i = 0; i < 4; ++i) number = number * 256 + (shown.family == 6 ? 255 : shown.bytes[i]);
    return Int64GetDatum(number);
}

Datum i64_numeric_datum(int64 value) {
    // A numeric 0 is its header alone: weight 0, sign +, no digits (numeric.c, short format).
    if (value != 0) return NumericGetDatum(int64_to_numeric(value));
    constexpr uint16 kShortZero = 0x8000;
    char* zero = static_cast<char*>(palloc(VARHDRSZ + sizeof kShortZero));
    SET_VARSIZE(zero, VARHDRSZ + sizeof kShortZero);
    std::memcpy(VARDATA(zero), &kShortZero, sizeof kShortZero);
    return PointerGetDatum(zero);
}

#include "generated/pgglue/row_datum.inc"

int internal_columns(int sql_version) {
    int count = 0;
    for (const std::uint8_t since : kInternalSince) count += since <= sql_version;
    return count;
}

void row_to_internal_datums_of(int sql_version, const core::Row& row, const DatumContext& ctx, Datum* values,
                               bool* nulls) {
    row_to_internal_datums(row, ctx, values, nulls);
    int kept = 0;
    for (int i = 0; i < kInternalColumns; ++i) {
        if (kInternalSince[i] > sql_version) continue;
        values[kept] = values[i];
        nulls[kept] = nulls[i];
        ++kept;
    }
}

}  // namespace pgsm::glue
