"""How many different statements a bucket keeps apart in less and in more memory than the defaults."""
from reading import ONE_BUCKET, run_statements
from servers import wide_statement, wide_write
from tables import number, show

# Megabytes for entries and for texts, and how many different statements are run: more than there is room for.
SIZES = (("1.5 MB, the least", "1MB", "512kB", 6000), ("3 MB, the default", "2MB", "1MB", 14000),
         ("16 MB", "11MB", "5MB", 60000))
KEPT = """
SELECT count(*) FILTER (WHERE query ~ 'value_'), count(*),
       (SELECT format('%s|%s|%s', store_bytes_used, text_bytes_used, entries_evicted) FROM pg_stat_monitor_status)
FROM pg_stat_monitor WHERE exported_at = 'infinity' AND query IS DISTINCT FROM '<other statements>'
"""


def sizing_table(workshop, quick):
    if "ours" not in workshop.trackers:
        return
    rows = []
    for what, statement in (("reads", wide_statement), ("writes", wide_write)):
        for size, entries, texts, ran in SIZES[:2] if quick else SIZES:
            settings = "%spg_stat_monitor.pgsm_max = %s\npg_stat_monitor.pgsm_query_shared_buffer = %s\n" % (
                ONE_BUCKET, entries, texts)
            with workshop.server("sizing %s %s" % (what, entries), "ours", settings) as server:
                run_statements(server, range(ran), statement)
                with_text, apart, store, text, evicted = server.value(KEPT).split("|")
                rows.append(["%s, %s" % (size, what), entries, texts, number(ran), number(int(apart)),
                             number(int(with_text)), number(int(store)), number(int(text)), number(int(evicted))])
    show("What fits, different statements with texts of 100 bytes",
         ["memory, statements", "pgsm_max", "texts", "different ran", "kept apart", "with text", "bytes used",
          "text bytes", "folded"], rows,
         ["One bucket that nothing ends; all buckets that are in memory share the room."])
