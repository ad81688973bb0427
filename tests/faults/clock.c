/* Changes the wall clock of the program into which it is loaded (LD_PRELOAD): on by CLOCK_OFFSET seconds, or back if negative;
   or, where CLOCK_FILE names a file of trouble.py, as that file says at each moment: the clock shows `shown` when the real one
   shows `real`, and goes `rate` times as fast. Used by waits.sh and trouble.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* The file: which of both settings counts, then both. Who sets the clock writes the other one, and then the number. */
struct setting { int64_t real, shown; double rate; };
struct file { volatile int64_t counts; struct setting settings[2]; };

static int (*real)(clockid_t, struct timespec *);
static long offset;
static struct file *file;

__attribute__((constructor)) static void begin(void) {
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *text = getenv("CLOCK_OFFSET"), *path = getenv("CLOCK_FILE");
    offset = text ? atol(text) : 0;
    int opened = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = opened < 0 ? MAP_FAILED : mmap(0, sizeof(struct file), PROT_READ, MAP_SHARED, opened, 0);
    if (mapped != MAP_FAILED) file = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real) begin();
    int result = real(clock, now);
    if (result != 0 || clock != CLOCK_REALTIME) return result;
    now->tv_sec += offset;
    if (file) {
        struct setting set = file->settings[file->counts & 1];
        int64_t real_ns = now->tv_sec * 1000000000LL + now->tv_nsec;
        int64_t shown = set.shown + (int64_t)((double)(real_ns - set.real) * set.rate);
        now->tv_sec = shown / 1000000000LL;
        now->tv_nsec = shown % 1000000000LL;
    }
    return result;
}
