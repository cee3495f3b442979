/* Every sync takes SLOWSYNC_US microseconds longer, as on a disk in a cloud. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_a_while(void) {
    const char *text = getenv("SLOWSYNC_US");
    long micros = text ? atol(text) : 0;
    struct timespec span = {micros / 1000000, micros % 1000000 * 1000};
    nanosleep(&span, 0);
}

int fsync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_a_while();
    return real(file);
}

int fdatasync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_a_while();
    return real(file);
}
