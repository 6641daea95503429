// Made by schema/codegen.py from schema/columns.yaml: do not edit. To renew it: meson compile -C build regen
//
// One row of pg_stat_monitor as plain values: a local variable of whoever copies an entry out, never in
// shared memory. The buffers that its texts point into belong to the caller.
#pragma once

#include "core/firewall.hpp"

#include "core/client_address.hpp"
#include "core/histogram.hpp"
#include "generated/core/counters.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace pgsm::core {

/// Every column there is, in the order of the table; those that only newer servers have stand at the end.
enum class Column : std::uint8_t {
    bucket,
    bucket_start_time,
    userid,
    username,
    dbid,
    datname,
    client_ip,
    pgsm_query_id,
    queryid,
    toplevel,
    top_queryid,
    query,
    comments,
    planid,
    query_plan,
    top_query,
    application_name,
    relations,
    cmd_type,
    cmd_type_text,
    elevel,
    sqlcode,
    message,
    calls,
    total_exec_time,
    min_exec_time,
    max_exec_time,
    mean_exec_time,
    stddev_exec_time,
    rows,
    shared_blks_hit,
    shared_blks_read,
    shared_blks_dirtied,
    shared_blks_written,
    local_blks_hit,
    local_blks_read,
    local_blks_dirtied,
    local_blks_written,
    temp_blks_read,
    temp_blks_written,
    shared_blk_read_time,
    shared_blk_write_time,
    local_blk_read_time,
    local_blk_write_time,
    temp_blk_read_time,
    temp_blk_write_time,
    resp_calls,
    cpu_user_time,
    cpu_sys_time,
    wal_records,
    wal_fpi,
    wal_bytes,
    bucket_done,
    plans,
    total_plan_time,
    min_plan_time,
    max_plan_time,
    mean_plan_time,
    stddev_plan_time,
    jit_functions,
    jit_generation_time,
    jit_inlining_count,
    jit_inlining_time,
    jit_optimization_count,
    jit_optimization_time,
    jit_emission_count,
    jit_emission_time,
    jit_deform_count,
    jit_deform_time,
    stats_since,
    minmax_stats_since,
    exported_at,
    wal_buffers_full,
    parallel_workers_to_launch,
    parallel_workers_launched,
};

/// Columns of the table on every server.
inline constexpr std::uint32_t kColumnCount = 72;

/// All columns, those of newer servers as well.
inline constexpr std::uint32_t kAllColumnCount = 75;

struct Row {
    std::int64_t bucket; // number
    std::int64_t bucket_start_time; // microseconds since 2000-01-01
    std::uint32_t userid; // object id
    std::string_view username; // name
    std::uint32_t dbid; // object id
    std::string_view datname; // name
    ClientAddress client_ip; // address
    std::int64_t pgsm_query_id; // hash
    std::int64_t queryid; // hash
    bool toplevel; // flag
    std::int64_t top_queryid; // hash
    std::string_view query; // text
    std::string_view comments; // text
    std::int64_t planid; // hash
    std::string_view query_plan; // text
    std::string_view top_query; // text
    std::string_view application_name; // name
    std::string_view relations; // elements separated by \n
    std::int32_t cmd_type; // code
    std::string_view cmd_type_text; // name
    std::int32_t elevel; // code
    std::uint32_t sqlcode; // as the server packs it
    std::string_view message; // text
    std::int64_t calls; // count
    double total_exec_time; // ms
    double min_exec_time; // ms
    double max_exec_time; // ms
    double mean_exec_time; // ms
    double stddev_exec_time; // ms
    std::int64_t rows; // rows
    std::int64_t shared_blks_hit; // blocks
    std::int64_t shared_blks_read; // blocks
    std::int64_t shared_blks_dirtied; // blocks
    std::int64_t shared_blks_written; // blocks
    std::int64_t local_blks_hit; // blocks
    std::int64_t local_blks_read; // blocks
    std::int64_t local_blks_dirtied; // blocks
    std::int64_t local_blks_written; // blocks
    std::int64_t temp_blks_read; // blocks
    std::int64_t temp_blks_written; // blocks
    double shared_blk_read_time; // ms
    double shared_blk_write_time; // ms
    double local_blk_read_time; // ms
    double local_blk_write_time; // ms
    double temp_blk_read_time; // ms
    double temp_blk_write_time; // ms
    ResponseCells resp_calls; // count
    double cpu_user_time; // ms
    double cpu_sys_time; // ms
    std::int64_t wal_records; // records
    std::int64_t wal_fpi; // pages
    std::int64_t wal_bytes; // bytes
    bool bucket_done; // flag
    std::int64_t plans; // count
    double total_plan_time; // ms
    double min_plan_time; // ms
    double max_plan_time; // ms
    double mean_plan_time; // ms
    double stddev_plan_time; // ms
    std::int64_t jit_functions; // functions
    double jit_generation_time; // ms
    std::int64_t jit_inlining_count; // count
    double jit_inlining_time; // ms
    std::int64_t jit_optimization_count; // count
    double jit_optimization_time; // ms
    std::int64_t jit_emission_count; // count
    double jit_emission_time; // ms
    std::int64_t jit_deform_count; // count
    double jit_deform_time; // ms
    std::int64_t stats_since; // microseconds since 2000-01-01
    std::int64_t minmax_stats_since; // microseconds since 2000-01-01
    std::int64_t exported_at; // microseconds since 2000-01-01
    std::int64_t wal_buffers_full; // count
    std::int32_t parallel_workers_to_launch; // workers
    std::int32_t parallel_workers_launched; // workers
    bool is_null[kAllColumnCount]; // by Column
};
static_assert(std::is_trivially_copyable_v<Row> && std::is_standard_layout_v<Row>);
static_assert(sizeof(Row) == 1176);
static_assert(offsetof(Row, bucket) == 0);
static_assert(offsetof(Row, bucket_start_time) == 8);
static_assert(offsetof(Row, userid) == 16);
static_assert(offsetof(Row, username) == 24);
static_assert(offsetof(Row, dbid) == 40);
static_assert(offsetof(Row, datname) == 48);
static_assert(offsetof(Row, client_ip) == 64);
static_assert(offsetof(Row, pgsm_query_id) == 88);
static_assert(offsetof(Row, queryid) == 96);
static_assert(offsetof(Row, toplevel) == 104);
static_assert(offsetof(Row, top_queryid) == 112);
static_assert(offsetof(Row, query) == 120);
static_assert(offsetof(Row, comments) == 136);
static_assert(offsetof(Row, planid) == 152);
static_assert(offsetof(Row, query_plan) == 160);
static_assert(offsetof(Row, top_query) == 176);
static_assert(offsetof(Row, application_name) == 192);
static_assert(offsetof(Row, relations) == 208);
static_assert(offsetof(Row, cmd_type) == 224);
static_assert(offsetof(Row, cmd_type_text) == 232);
static_assert(offsetof(Row, elevel) == 248);
static_assert(offsetof(Row, sqlcode) == 252);
static_assert(offsetof(Row, message) == 256);
static_assert(offsetof(Row, calls) == 272);
static_assert(offsetof(Row, total_exec_time) == 280);
static_assert(offsetof(Row, min_exec_time) == 288);
static_assert(offsetof(Row, max_exec_time) == 296);
static_assert(offsetof(Row, mean_exec_time) == 304);
static_assert(offsetof(Row, stddev_exec_time) == 312);
static_assert(offsetof(Row, rows) == 320);
static_assert(offsetof(Row, shared_blks_hit) == 328);
static_assert(offsetof(Row, shared_blks_read) == 336);
static_assert(offsetof(Row, shared_blks_dirtied) == 344);
static_assert(offsetof(Row, shared_blks_written) == 352);
static_assert(offsetof(Row, local_blks_hit) == 360);
static_assert(offsetof(Row, local_blks_read) == 368);
static_assert(offsetof(Row, local_blks_dirtied) == 376);
static_assert(offsetof(Row, local_blks_written) == 384);
static_assert(offsetof(Row, temp_blks_read) == 392);
static_assert(offsetof(Row, temp_blks_written) == 400);
static_assert(offsetof(Row, shared_blk_read_time) == 408);
static_assert(offsetof(Row, shared_blk_write_time) == 416);
static_assert(offsetof(Row, local_blk_read_time) == 424);
static_assert(offsetof(Row, local_blk_write_time) == 432);
static_assert(offsetof(Row, temp_blk_read_time) == 440);
static_assert(offsetof(Row, temp_blk_write_time) == 448);
static_assert(offsetof(Row, resp_calls) == 456);
static_assert(offsetof(Row, cpu_user_time) == 880);
static_assert(offsetof(Row, cpu_sys_time) == 888);
static_assert(offsetof(Row, wal_records) == 896);
static_assert(offsetof(Row, wal_fpi) == 904);
static_assert(offsetof(Row, wal_bytes) == 912);
static_assert(offsetof(Row, bucket_done) == 920);
static_assert(offsetof(Row, plans) == 928);
static_assert(offsetof(Row, total_plan_time) == 936);
static_assert(offsetof(Row, min_plan_time) == 944);
static_assert(offsetof(Row, max_plan_time) == 952);
static_assert(offsetof(Row, mean_plan_time) == 960);
static_assert(offsetof(Row, stddev_plan_time) == 968);
static_assert(offsetof(Row, jit_functions) == 976);
static_assert(offsetof(Row, jit_generation_time) == 984);
static_assert(offsetof(Row, jit_inlining_count) == 992);
static_assert(offsetof(Row, jit_inlining_time) == 1000);
static_assert(offsetof(Row, jit_optimization_count) == 1008);
static_assert(offsetof(Row, jit_optimization_time) == 1016);
static_assert(offsetof(Row, jit_emission_count) == 1024);
static_assert(offsetof(Row, jit_emission_time) == 1032);
static_assert(offsetof(Row, jit_deform_count) == 1040);
static_assert(offsetof(Row, jit_deform_time) == 1048);
static_assert(offsetof(Row, stats_since) == 1056);
static_assert(offsetof(Row, minmax_stats_since) == 1064);
static_assert(offsetof(Row, exported_at) == 1072);
static_assert(offsetof(Row, wal_buffers_full) == 1080);
static_assert(offsetof(Row, parallel_workers_to_launch) == 1088);
static_assert(offsetof(Row, parallel_workers_launched) == 1092);
static_assert(offsetof(Row, is_null) == 1096);

/// `value`, or the nearest number that SQL's integer holds.
constexpr std::int32_t saturated_i32(std::int64_t value) noexcept
{
    return static_cast<std::int32_t>(value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : value);
}

/// Sets every counter of `row`.
inline void fill_counters([[maybe_unused]] const Counters& counters, [[maybe_unused]] Row& row) noexcept
{
    row.calls = counters.hot.exec.count;
    row.total_exec_time = counters.hot.exec.total;
    row.min_exec_time = counters.hot.exec.min;
    row.max_exec_time = counters.hot.exec.max;
    row.mean_exec_time = mean(counters.hot.exec);
    row.stddev_exec_time = stddev(counters.hot.exec);
    row.rows = counters.hot.rows;
    row.shared_blks_hit = counters.hot.shared_blks_hit;
    row.shared_blks_read = counters.io.shared_blks_read;
    row.shared_blks_dirtied = counters.io.shared_blks_dirtied;
    row.shared_blks_written = counters.io.shared_blks_written;
    row.local_blks_hit = counters.buffers.local_blks_hit;
    row.local_blks_read = counters.buffers.local_blks_read;
    row.local_blks_dirtied = counters.buffers.local_blks_dirtied;
    row.local_blks_written = counters.buffers.local_blks_written;
    row.temp_blks_read = counters.buffers.temp_blks_read;
    row.temp_blks_written = counters.buffers.temp_blks_written;
    row.shared_blk_read_time = counters.buffers.shared_blk_read_time;
    row.shared_blk_write_time = counters.buffers.shared_blk_write_time;
    row.local_blk_read_time = counters.buffers.local_blk_read_time;
    row.local_blk_write_time = counters.buffers.local_blk_write_time;
    row.temp_blk_read_time = counters.buffers.temp_blk_read_time;
    row.temp_blk_write_time = counters.buffers.temp_blk_write_time;
    row.cpu_user_time = counters.hot.cpu_user_time;
    row.cpu_sys_time = counters.hot.cpu_sys_time;
    row.wal_records = counters.io.wal_records;
    row.wal_fpi = counters.io.wal_fpi;
    row.wal_bytes = counters.io.wal_bytes;
    row.plans = counters.plan.plan.count;
    row.total_plan_time = counters.plan.plan.total;
    row.min_plan_time = counters.plan.plan.min;
    row.max_plan_time = counters.plan.plan.max;
    row.mean_plan_time = mean(counters.plan.plan);
    row.stddev_plan_time = stddev(counters.plan.plan);
    row.jit_functions = counters.jit.jit_functions;
    row.jit_generation_time = counters.jit.jit_generation_time;
    row.jit_inlining_count = counters.jit.jit_inlining_count;
    row.jit_inlining_time = counters.jit.jit_inlining_time;
    row.jit_optimization_count = counters.jit.jit_optimization_count;
    row.jit_optimization_time = counters.jit.jit_optimization_time;
    row.jit_emission_count = counters.jit.jit_emission_count;
    row.jit_emission_time = counters.jit.jit_emission_time;
    row.jit_deform_count = counters.jit.jit_deform_count;
    row.jit_deform_time = counters.jit.jit_deform_time;
    row.wal_buffers_full = counters.jit.wal_buffers_full;
    row.parallel_workers_to_launch = saturated_i32(counters.jit.parallel_workers_to_launch);
    row.parallel_workers_launched = saturated_i32(counters.jit.parallel_workers_launched);
}

} // namespace pgsm::core
