-- One row for each (user, database, query id, top level).
COPY (
    SELECT userid, dbid, queryid, toplevel, sum(calls) AS calls, sum(rows) AS rows, sum(plans) AS plans,
        sum(shared_blks_hit) AS shared_blks_hit, sum(shared_blks_read) AS shared_blks_read,
        sum(shared_blks_dirtied) AS shared_blks_dirtied, sum(shared_blks_written) AS shared_blks_written,
        sum(local_blks_hit) AS local_blks_hit, sum(local_blks_read) AS local_blks_read,
        sum(local_blks_dirtied) AS local_blks_dirtied, sum(local_blks_written) AS local_blks_written,
        sum(temp_blks_read) AS temp_blks_read, sum(temp_blks_written) AS temp_blks_written,
        sum(wal_records) AS wal_records, sum(wal_fpi) AS wal_fpi, sum(wal_bytes) AS wal_bytes, min(query) AS query
    FROM pg_stat_statements
    WHERE dbid <> (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY userid, dbid, queryid, toplevel
) TO STDOUT (FORMAT csv, HEADER);
