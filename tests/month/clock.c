// Preloaded into a server it moves the server's clock: two 64-bit integers in the file $MONTH_CLOCK are looked at each
// time. By the first, time has passed: that many seconds are added to the time of day and to the clock that counts on
// since the machine was started (CLOCK_BOOTTIME). By the second, the time of day was set, and nothing else. Sleeping
// and waiting, which go by CLOCK_MONOTONIC, last as long as ever.
//
// libfaketime can do that too, but not to a server before PostgreSQL 16: it is off while a process is in select(),
// and there the postmaster's signal handlers fork the background workers, which then keep the real time for good.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_s;  // inherited by every process that is forked

__attribute__((constructor)) static void open_clock(void) {
    const char *path = getenv("MONTH_CLOCK");
    const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *map = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) offset_s = map;
    close(file);
}

int clock_gettime(clockid_t id, struct timespec *now) {
    const int result = (int)syscall(SYS_clock_gettime, id, now);
    if (result != 0 || !offset_s) return result;
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) now->tv_sec += offset_s[0] + offset_s[1];
    if (id == CLOCK_BOOTTIME) now->tv_sec += offset_s[0];
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}
