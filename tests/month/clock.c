// Preloaded into a server it moves the server's clock: the time of day is the machine's plus the seconds that are
// in the file $MONTH_CLOCK, as a 64-bit integer that is looked at each time. Nothing else is changed; sleeping and
// waiting, which go by the monotonic clock, last as long as ever.
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
    void *map = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) offset_s = map;
    close(file);
}

int clock_gettime(clockid_t id, struct timespec *now) {
    const int result = (int)syscall(SYS_clock_gettime, id, now);
    if (result == 0 && offset_s && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset_s;
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
