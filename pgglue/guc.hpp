// The settings, all named pg_stat_monitor.pgsm_*; defined in guc.cpp, where units and ranges are.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

enum TrackLevel : int { kTrackNone, kTrackTop, kTrackAll };

extern int pgsm_max;            // MB
extern int pgsm_query_max_len;  // bytes
extern int pgsm_max_buckets;
extern int pgsm_bucket_time;       // seconds
extern double pgsm_histogram_min;  // ms
extern double pgsm_histogram_max;  // ms
extern int pgsm_histogram_buckets;
extern int pgsm_query_shared_buffer;  // kB
extern int pgsm_track;                // TrackLevel, as it is set; what holds is track_level
extern int pgsm_track_minimum;        // TrackLevel that no pgsm_track gets below
extern bool pgsm_track_utility;
extern bool pgsm_track_planning;
extern bool pgsm_enable_pgsm_query_id;
extern bool pgsm_normalized_query;
extern bool pgsm_enable_query_plan;
extern bool pgsm_extract_comments;
extern int pgsm_export_top_n;
extern int pgsm_history_retention;     // minutes; 0: everything stays
extern int pgsm_history_rollup_after;  // minutes; 0: nothing is merged
extern int pgsm_history_max_size;      // MB; 0: no limit
extern char* pgsm_export_database;     // empty: where CREATE EXTENSION was committed first

/// The greater of pgsm_track and pgsm_track_minimum, kept so that a statement has one number to look at.
extern int track_level;

void define_settings();

}  // namespace pgsm::glue
