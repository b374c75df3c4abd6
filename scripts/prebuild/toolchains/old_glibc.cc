// What GCC's headers and libstdc++ take from a glibc younger than the oldest that a prebuilt addon runs on. Linked into
// prebuilt addons only (RST_OLD_GLIBC), hidden, and only where asked for.
#include <pthread.h>
#include <time.h>

extern "C" {

// Of glibc 2.32. Zero: reference counts are atomic, whatever the number of threads.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;

// Of glibc 2.30. The older call waits on the clock of the condition variable, which is CLOCK_REALTIME: what is left is
// counted on it. Callers look at their own clock when it returns.
__attribute__((visibility("hidden"))) int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                                                                 clockid_t clock, const timespec* until) {
  constexpr long second = 1'000'000'000;
  timespec now{};
  timespec due{};
  clock_gettime(clock, &now);
  clock_gettime(CLOCK_REALTIME, &due);
  due.tv_sec += until->tv_sec - now.tv_sec;
  due.tv_nsec += until->tv_nsec - now.tv_nsec;
  if (due.tv_nsec < 0) {
    due.tv_nsec += second;
    --due.tv_sec;
  } else if (due.tv_nsec >= second) {
    due.tv_nsec -= second;
    ++due.tv_sec;
  }
  return pthread_cond_timedwait(condition, mutex, &due);
}
}
