#include "store_fixture.hpp"

#include <algorithm>
#include <random>
#include <type_traits>
#include <vector>

using namespace pgsm::core;
using namespace pgsm::core::test;

namespace {

/// Every counter is another number: a part is a row of 8-byte fields, each an integer or a double.
Counters every_counter() {
    Counters c{};
    c.hot = {{4, 10, 1, 4, 5}, 11, 12, 13.5, 14.5};
    c.io = {21, 22, 23, 24, 25, 26};
    c.buffers = {31, 32, 33, 34, 35, 36, 37.5, 38.5, 39.5, 40.5, 41.5, 42.5};
    c.plan = {{2, 6, 2, 4, 2}};
    c.jit = {51, 52.5, 53, 54.5, 55, 56.5, 57, 58.5, 59, 60.5, 61, 62, 63};
    return c;
}

Statement full_statement() {
    char packed[256];
    Statement s = statement(77);
    s.flags = kTopLevel | kHasParent | kHasPlan;
    s.nest = {packed, pack_nest({88, 99, "select parent()", "Seq Scan on t"}, packed, sizeof packed)};
    s.relations = "public.a\npublic.b";
    s.notes = {packed, pack_notes({"careful", "/* comment */"}, packed, sizeof packed)};
    s.identity.elevel = kWarningLevel;
    return s;
}

Row row_of(Store store, const Bucket& bucket, const Entry& entry, std::int64_t exported_at = kLive) {
    Row row;
    std::memset(static_cast<void*>(&row), 0xaa, sizeof row);
    fill_row(store, bucket, entry, exported_at, row);
    return row;
}

bool null(const Row& row, Column column) { return row.is_null[static_cast<std::size_t>(column)]; }

/// Bytes of fields (not of the padding between them) that are zero, or still what they were.
template <typename T>
bool is_blank(const T& field) {
    if constexpr (std::is_same_v<T, std::string_view>) {
        return field.empty();
    } else {
        T zero{}, pattern;
        std::memset(static_cast<void*>(&pattern), 0xaa, sizeof pattern);
        return std::memcmp(&field, &zero, sizeof zero) == 0 ||
               std::memcmp(&field, &pattern, sizeof pattern) == 0;
    }
}

}  // namespace

TEST_CASE("snapshot: a full entry leaves no field of its row empty") {
    OwnStore own(default_config());
    const Store store = own.store;
    const Statement s = full_statement();
    REQUIRE(record_now(store, s, every_counter(), 0, kNoon + 9) == Status::kOk);
    for (std::uint32_t cell = 1; cell < 22; ++cell) {
        Counters nothing{};
        REQUIRE(record_now(store, s, nothing, cell) == Status::kOk);
    }
    const Statement error = failed(s, "22012");
    REQUIRE(record_now(store, error, execution(1)) == Status::kOk);
    rotate(store, kNoon + kMinute);
    const Bucket& bucket = store.bucket(0);
    Row row = row_of(store, bucket, *find(store, bucket.seq, s.key()), 12345);
    // An error has no relations, and an execution no SQLSTATE.
    const Row error_row = row_of(store, bucket, *find(store, bucket.seq, error.key()), 12345);
    CHECK(null(row, Column::sqlcode));
    CHECK(null(error_row, Column::relations));
    row.sqlcode = error_row.sqlcode;
    row.is_null[static_cast<std::size_t>(Column::sqlcode)] = null(error_row, Column::sqlcode);

    // A new column belongs here: the count below fails until it does.
    std::uint32_t columns = 0;
    const auto filled = [&](const char* name, const auto& field) {
        INFO(name);
        CHECK_FALSE(is_blank(field));
        ++columns;
    };
#define FILLED(field) filled(#field, row.field)
    FILLED(bucket);
    FILLED(bucket_start_time);
    FILLED(userid);
    FILLED(username);
    FILLED(dbid);
    FILLED(datname);
    FILLED(client_ip);
    FILLED(pgsm_query_id);
    FILLED(queryid);
    FILLED(toplevel);
    FILLED(top_queryid);
    FILLED(query);
    FILLED(comments);
    FILLED(planid);
    FILLED(query_plan);
    FILLED(top_query);
    FILLED(application_name);
    FILLED(relations);
    FILLED(cmd_type);
    FILLED(cmd_type_text);
    FILLED(elevel);
    FILLED(sqlcode);
    FILLED(message);
    FILLED(calls);
    FILLED(total_exec_time);
    FILLED(min_exec_time);
    FILLED(max_exec_time);
    FILLED(mean_exec_time);
    FILLED(stddev_exec_time);
    FILLED(rows);
    FILLED(shared_blks_hit);
    FILLED(shared_blks_read);
    FILLED(shared_blks_dirtied);
    FILLED(shared_blks_written);
    FILLED(local_blks_hit);
    FILLED(local_blks_read);
    FILLED(local_blks_dirtied);
    FILLED(local_blks_written);
    FILLED(temp_blks_read);
    FILLED(temp_blks_written);
    FILLED(shared_blk_read_time);
    FILLED(shared_blk_write_time);
    FILLED(local_blk_read_time);
    FILLED(local_blk_write_time);
    FILLED(temp_blk_read_time);
    FILLED(temp_blk_write_time);
    FILLED(resp_calls.count);
    FILLED(cpu_user_time);
    FILLED(cpu_sys_time);
    FILLED(wal_records);
    FILLED(wal_fpi);
    FILLED(wal_bytes);
    FILLED(bucket_done);
    FILLED(plans);
    FILLED(total_plan_time);
    FILLED(min_plan_time);
    FILLED(max_plan_time);
    FILLED(mean_plan_time);
    FILLED(stddev_plan_time);
    FILLED(jit_functions);
    FILLED(jit_generation_time);
    FILLED(jit_inlining_count);
    FILLED(jit_inlining_time);
    FILLED(jit_optimization_count);
    FILLED(jit_optimization_time);
    FILLED(jit_emission_count);
    FILLED(jit_emission_time);
    FILLED(jit_deform_count);
    FILLED(jit_deform_time);
    FILLED(stats_since);
    FILLED(minmax_stats_since);
    FILLED(exported_at);
    FILLED(wal_buffers_full);
    FILLED(parallel_workers_to_launch);
    FILLED(parallel_workers_launched);
#undef FILLED
    CHECK(columns == kAllColumnCount);
    for (std::uint32_t column = 0; column < kAllColumnCount; ++column) {
        unsigned char byte;
        std::memcpy(&byte, &row.is_null[column], 1);
        CAPTURE(column);
        CHECK(byte == 0);
    }

    CHECK(row.bucket == 1);
    CHECK(row.bucket_start_time == kNoon);
    CHECK(row.stats_since == kNoon + 9);
    CHECK(row.exported_at == 12345);
    CHECK(row.query == "select 77");
    CHECK(row.top_queryid == 88);
    CHECK(row.planid == 99);
    CHECK(row.top_query == "select parent()");
    CHECK(row.query_plan == "Seq Scan on t");
    CHECK(row.relations == "public.a\npublic.b");
    CHECK(row.comments == "/* comment */");
    CHECK(row.sqlcode == make_sqlstate("22012"));
    CHECK(row.message == "careful");
    CHECK(row.elevel == 19);
    CHECK(row.cmd_type_text == "SELECT");
    CHECK(row.username == "user10");
    CHECK(row.datname == "db5");
    CHECK(row.application_name == "app");
    CHECK(row.client_ip == ClientAddress{4, {10, 1, 2, 3}});
    CHECK(row.calls == 4);
    CHECK(row.temp_blk_write_time == 42.5);
    CHECK(row.wal_bytes == 26);
    CHECK(row.plans == 2);
    CHECK(row.jit_deform_time == 60.5);
    CHECK(row.parallel_workers_launched == 63);
    CHECK(row.resp_calls.count == 22);
    for (std::uint32_t cell = 0; cell < 22; ++cell) CHECK(row.resp_calls.cell[cell] == 1);
    for (std::uint32_t cell = 22; cell < kMaxHistogramCells; ++cell) CHECK(row.resp_calls.cell[cell] == 0);
}

TEST_CASE("snapshot: an entry with nothing but an execution, and a residual one") {
    OwnStore own(default_config());
    const Store store = own.store;
    Statement bare = statement(5);
    bare.session.clear();
    bare.query.clear();
    bare.flags = kNoQueryId;
    REQUIRE(record_now(store, bare, execution(2), 1) == Status::kOk);
    const Row row = row_of(store, store.running(), *find_now(store, bare));
    CHECK_FALSE(row.bucket_done);
    CHECK(row.exported_at == kLive);
    CHECK(row.client_ip == kLoopbackAddress);
    CHECK(row.query == "Query string not available");
    CHECK_FALSE(row.toplevel);
    CHECK(row.resp_calls.cell[1] == 1);
    for (const Column column :
         {Column::pgsm_query_id, Column::top_queryid, Column::planid, Column::query_plan, Column::top_query,
          Column::application_name, Column::comments, Column::sqlcode, Column::message, Column::relations})
        CHECK(null(row, column));
    for (const Column column :
         {Column::queryid, Column::username, Column::datname, Column::client_ip, Column::query,
          Column::elevel, Column::cmd_type_text, Column::temp_blks_read, Column::resp_calls})
        CHECK_FALSE(null(row, column));

    REQUIRE(record_now(store, full_statement(), every_counter(), 0) == Status::kOk);
    while (evict(store, store.running(), nullptr)) {
    }
    const Row rest =
        row_of(store, store.running(), *find_residual(store, store.running(), executions_of(10, 5)));
    CHECK(rest.query == "<other statements>");
    CHECK(rest.calls == 4);
    const Row nested =
        row_of(store, store.running(), *find_residual(store, store.running(), {10, 5, 0, 0, 0}));
    CHECK(nested.calls == 1);
    CHECK_FALSE(nested.toplevel);
    CHECK(rest.username == "user10");
    CHECK(rest.datname == "db5");
    CHECK(rest.client_ip == kLoopbackAddress);
    CHECK(rest.cmd_type == 0);
    CHECK(rest.elevel == 0);
    CHECK(rest.toplevel);
    for (const Column column : {Column::queryid, Column::pgsm_query_id, Column::top_queryid, Column::planid,
                                Column::query_plan, Column::top_query, Column::application_name,
                                Column::comments, Column::sqlcode, Column::message, Column::relations})
        CHECK(null(rest, column));
    CHECK_FALSE(null(rest, Column::query));
}

TEST_CASE("snapshot: names of commands are PostgreSQL's") {
    CHECK(command_name(1) == "SELECT");
    CHECK(command_name(5) == "MERGE");
    CHECK(command_name(7) == "NOTHING");
    CHECK(command_name(0).empty());
    CHECK(command_name(8).empty());
    CHECK(command_name(-1).empty());
}

TEST_CASE("snapshot: a copy shows the same rows and does not follow the original") {
    OwnStore own(config_of(300 * 1024, 100 * 1024));
    const Store store = own.store;
    for (std::uint32_t i = 0; i < 300; ++i)
        REQUIRE(record_now(store, statement(i, 10 + i % 5), every_counter(), i % 22) == Status::kOk);
    OwnCopy copy(store);
    std::vector<std::string> before;
    each_entry(store, store.running(), [&](const Entry& entry) {
        const Row row = row_of(store, store.running(), entry);
        before.push_back(std::string(row.query) + std::string(row.username) + std::to_string(row.wal_bytes));
    });
    reset(store, kNoon + 1);
    REQUIRE(record_now(store, statement(1), execution(1)) == Status::kOk);
    std::size_t at = 0;
    each_entry(copy.store, copy.store.running(), [&](const Entry& entry) {
        const Row row = row_of(copy.store, copy.store.running(), entry);
        REQUIRE(at < before.size());
        CHECK(std::string(row.query) + std::string(row.username) + std::to_string(row.wal_bytes) ==
              before[at++]);
    });
    CHECK(at == before.size());
}

TEST_CASE("snapshot: an ended bucket is copied in pieces, while others go on") {
    const auto long_statement = [](std::int64_t queryid) {
        Statement s = statement(queryid);
        s.query.append(200, 'x');
        return s;
    };
    OwnStore own(config_of(300 * 1024, 200 * 1024));
    const Store store = own.store;
    for (std::uint32_t i = 0; i < 300; ++i)
        REQUIRE(record_now(store, long_statement(i), execution(i + 1)) == Status::kOk);
    rotate(store, kNoon + 1);
    std::vector<std::uint64_t> memory(copy_bytes(store) / 8 + 1, ~std::uint64_t{0});
    const Store copy = copy_frame(store, std::as_writable_bytes(std::span{memory}));

    touch_pages(copy);
    for (const Heap* heap : {&copy.header().heap, &copy.header().texts.heap})
        for (std::uint64_t at = std::uint64_t{heap->first} * kUnitBytes;
             at < std::uint64_t{heap->high_water} * kUnitBytes; at += 4096)
            CHECK(copy.base[at] == std::byte{0});

    each_entry(store, store.bucket(0), [&](const Entry& entry) { copy_entry(store, copy, entry); });
    std::uint32_t pieces = 1;
    for (Ref at = 0; copy_text_piece(store, copy, at); ++pieces) {
        // Their texts lie behind what the frame knew of.
        for (std::uint32_t i = 0; i < 10; ++i)
            REQUIRE(record_now(store, long_statement(1000 + pieces * 10 + i), execution(1)) == Status::kOk);
    }
    CHECK(pieces > 1);
    std::vector<std::string> queries, expected;
    each_entry(store, store.bucket(0), [&](const Entry& entry) {
        expected.emplace_back(row_of(store, store.bucket(0), entry).query);
    });
    each_entry(copy, copy.bucket(0),
               [&](const Entry& entry) { queries.emplace_back(row_of(copy, copy.bucket(0), entry).query); });
    CHECK(queries.size() == 300);
    CHECK(queries == expected);
}

TEST_CASE("snapshot: the top ones by time are kept, by query id, and the rest adds up") {
    for (const std::uint32_t cells : {22u, 52u}) {
        OwnStore own(config_of(1024 * 1024, 256 * 1024, cells));
        const Store store = own.store;
        std::mt19937 random(cells);
        // Two buckets: the spare memory of a copy serves all of them.
        for (std::uint32_t i = 0; i < 800; ++i) {
            if (i == 400) rotate(store, kNoon + kMinute);
            for (std::uint32_t n = 0; n < 3; ++n)
                REQUIRE(record_now(store, statement(i, 10 + i % 200),
                                   execution(static_cast<double>(random() % 1000)),
                                   static_cast<std::uint32_t>(random() % cells)) == Status::kOk);
        }
        REQUIRE(own.header().usage.entries_evicted == 0);
        for (const std::uint32_t top : {0u, 1u, 17u, 399u, 400u, 1000u}) {
            OwnCopy copy(store);
            for (const std::int64_t number : {1, 2}) {
                Bucket& bucket = *copy.bucket(number);
                const Sums before = sums_of(store, bucket);
                std::vector<double> times;
                each_entry(copy.store, bucket,
                           [&](const Entry& entry) { times.push_back(entry.hot.exec.total); });
                std::sort(times.rbegin(), times.rend());
                times.resize(std::min(top, 400u));
                copy.fold(bucket, top);
                const Sums after = sums_of(copy.store, bucket);
                check_equal(after.counters, before.counters);
                CHECK(std::memcmp(after.cells, before.cells, sizeof after.cells) == 0);
                CHECK(bucket.entries - bucket.residuals == std::min(top, 400u));
                CHECK(bucket.residuals <= std::min(200u, 400u - std::min(top, 400u)));
                CHECK((top != 0 || bucket.residuals == 200));
                std::int64_t last = INT64_MIN;
                std::vector<double> kept;
                std::uint32_t listed = 0;
                each_entry(copy.store, bucket, [&](const Entry& entry) {
                    const bool residual = (entry.flags & kResidual) != 0;
                    CHECK(residual == (listed++ >= std::min(top, 400u)));
                    if (residual) return;
                    CHECK(entry.queryid > last);
                    last = entry.queryid;
                    kept.push_back(entry.hot.exec.total);
                });
                std::sort(kept.rbegin(), kept.rend());
                CHECK(kept == times);
                CHECK(listed == bucket.entries);
            }
            CHECK(copy.store.header().usage.cells_lost == 0);
        }
        CHECK(store_check(store));  // the original never noticed
    }
}

TEST_CASE("snapshot: times that are no numbers have an order, too") {
    OwnStore own(default_config());
    for (std::uint32_t i = 0; i < 500; ++i) {
        REQUIRE(record_now(own.store, statement(i), execution(1)) == Status::kOk);
        if (i % 3 == 0) find_now(own.store, statement(i))->hot.exec.total = __builtin_nan("");
    }
    OwnCopy copy(own.store);
    copy.fold(copy.store.running(), 300);
    CHECK(copy.store.running().entries == 301);
    CHECK(sums_of(copy.store, copy.store.running()).counters.hot.exec.count == 500);
}
