/* Makes writes into files fail in the program into which it is loaded (LD_PRELOAD): DISK_FILE names a file of trouble.py that
   holds the error (errno.h) that every pwrite ends with, 0 for none. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static ssize_t (*real)(int, const void *, size_t, off64_t);
static volatile int64_t *fault;

__attribute__((constructor)) static void begin(void) {
    real = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    const char *path = getenv("DISK_FILE");
    int opened = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = opened < 0 ? MAP_FAILED : mmap(0, sizeof(int64_t), PROT_READ, MAP_SHARED, opened, 0);
    if (mapped != MAP_FAILED) fault = mapped;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    if (!real) begin();
    if (!fault || !*fault) return real(file, bytes, count, at);
    errno = (int)*fault;
    return -1;
}
