// The settings, all named pg_stat_monitor.pgsm_*; defined in guc.cpp, where units and ranges are.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

enum TrackLevel : int { kTrackNone, kTrackTop, kTrackAll };

extern PGSM_OWN int pgsm_max;            // MB
extern PGSM_OWN int pgsm_query_max_len;  // bytes
extern PGSM_OWN int pgsm_max_buckets;
extern PGSM_OWN int pgsm_bucket_time;       // seconds
extern PGSM_OWN double pgsm_histogram_min;  // ms
extern PGSM_OWN double pgsm_histogram_max;  // ms
extern PGSM_OWN int pgsm_histogram_buckets;
extern PGSM_OWN int pgsm_query_shared_buffer;  // kB
extern PGSM_OWN int pgsm_track;                // TrackLevel, as it is set; what holds is track_level
extern PGSM_OWN int pgsm_track_minimum;        // TrackLevel that no pgsm_track gets below
extern PGSM_OWN bool pgsm_track_utility;
extern PGSM_OWN bool pgsm_track_planning;
extern PGSM_OWN bool pgsm_enable_pgsm_query_id;
extern PGSM_OWN bool pgsm_normalized_query;
extern PGSM_OWN bool pgsm_enable_query_plan;
extern PGSM_OWN bool pgsm_extract_comments;
extern PGSM_OWN int pgsm_export_top_n;
extern PGSM_OWN int pgsm_history_retention;     // minutes; 0: everything stays
extern PGSM_OWN int pgsm_history_rollup_after;  // minutes; 0: nothing is merged
extern PGSM_OWN int pgsm_history_max_size;      // MB; 0: no limit
extern PGSM_OWN char* pgsm_export_database;     // empty: where CREATE EXTENSION was committed first

/// The greater of pgsm_track and pgsm_track_minimum, kept so that a statement has one number to look at.
extern PGSM_OWN int track_level;

void define_settings();

}  // namespace pgsm::glue
