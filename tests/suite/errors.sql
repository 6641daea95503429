COPY (
    SELECT coalesce(application_name, '') AS application_name, elevel, sqlcode, sum(calls) AS calls
    FROM pg_stat_monitor
    -- Errors that a function has caught have rows of their own, nested ones, and no line in the log.
    WHERE elevel > 0 AND (toplevel OR elevel < 20) AND dbid <> (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY 1, 2, 3
) TO STDOUT (FORMAT csv, HEADER);
