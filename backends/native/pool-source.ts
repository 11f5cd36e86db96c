/**
 * The pool of threads, in C: one object for each backend, shared by all its programs.
 *
 * A fork publishes a phase and the number of its tasks; whoever is awake claims tasks one by one, the calling thread too.
 * Workers spin for a moment after each fork, so that the next one of the same step finds them awake, and then sleep on a
 * condition. The ticket holds the number of the fork beside that of the next task, so that a claim that comes late fails.
 *
 * The library also tells the process's allocator to keep what was freed.
 */

/** Workers spin for so long before they sleep; the phases of a step lie closer together, and waking one takes 50 µs. */
const SPIN_NANOSECONDS = 300_000;

export const POOL_SOURCE = `#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define EXPORT __attribute__((visibility("default")))
#define CLOSED UINT32_MAX
#define MOST 256

typedef void phase(void *context, long from, long to, long thread);
struct pool;
struct worker { struct pool *pool; long number; pthread_t thread; };
struct pool {
  void (*fork)(struct pool *, phase *, void *, long);
  int workers;
  _Alignas(64) _Atomic uint64_t ticket;
  _Atomic(phase *) run;
  _Atomic(void *) context;
  _Atomic uint32_t count;
  _Alignas(64) _Atomic uint32_t done;
  _Alignas(64) _Atomic uint32_t generation;
  _Atomic int sleepers, stop;
  _Alignas(64) pthread_mutex_t mutex;
  pthread_cond_t wake;
  struct worker worker[MOST];
};

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Claims and runs tasks of fork number generation until there are none. */
static void work(struct pool *p, uint32_t generation, long thread) {
  for (;;) {
    uint64_t ticket = atomic_load(&p->ticket);
    uint32_t task = (uint32_t)ticket;
    if ((uint32_t)(ticket >> 32) != generation || task >= atomic_load(&p->count)) return;
    phase *run = atomic_load(&p->run);
    void *context = atomic_load(&p->context);
    /* If the ticket is still the same, so was all that was read since. */
    if (!atomic_compare_exchange_weak(&p->ticket, &ticket, ticket + 1)) continue;
    run(context, task, (long)task + 1, thread);
    atomic_fetch_add(&p->done, 1);
  }
}

static void *worker_main(void *argument) {
  struct worker *w = argument;
  struct pool *p = w->pool;
  uint32_t seen = 0;
  while (!atomic_load(&p->stop)) {
    uint32_t generation = atomic_load(&p->generation);
    uint64_t since = 0;
    for (int turn = 1; generation == seen; turn++) {
      relax();
      if ((turn & 63) == 0) {
        if (since == 0) since = now();
        else if (now() - since > ${SPIN_NANOSECONDS}) {
          pthread_mutex_lock(&p->mutex);
          atomic_fetch_add(&p->sleepers, 1);
          while (atomic_load(&p->generation) == seen && !atomic_load(&p->stop)) pthread_cond_wait(&p->wake, &p->mutex);
          atomic_fetch_sub(&p->sleepers, 1);
          pthread_mutex_unlock(&p->mutex);
          if (atomic_load(&p->stop)) return 0;
        }
      }
      if (atomic_load(&p->stop)) return 0;
      generation = atomic_load(&p->generation);
    }
    seen = generation;
    work(p, generation, w->number);
  }
  return 0;
}

static void fork_join(struct pool *p, phase *run, void *context, long count) {
  uint32_t generation = atomic_load(&p->generation) + 1;
  atomic_store(&p->ticket, (uint64_t)generation << 32 | CLOSED);
  atomic_store(&p->run, run);
  atomic_store(&p->context, context);
  atomic_store(&p->count, (uint32_t)count);
  atomic_store(&p->done, 0);
  atomic_store(&p->ticket, (uint64_t)generation << 32);
  atomic_store(&p->generation, generation);
  if (atomic_load(&p->sleepers) > 0) {
    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->mutex);
  }
  work(p, generation, 0);
  for (int turn = 1; atomic_load(&p->done) != (uint32_t)count; turn++) {
    relax();
    if ((turn & 4095) == 0) sched_yield();
  }
}

static void stop_workers(struct pool *p) {
  atomic_store(&p->stop, 1);
  pthread_mutex_lock(&p->mutex);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->mutex);
  for (int i = 0; i < p->workers; i++) pthread_join(p->worker[i].thread, 0);
  p->workers = 0;
  atomic_store(&p->stop, 0);
}

/* Sets the number of threads, the calling one included; returns how many there are. */
EXPORT int lazuli_pool_resize(struct pool *p, int threads) {
  stop_workers(p);
  atomic_store(&p->generation, 0);
  /* Signals are for the threads of the host. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int i = 0; i < threads - 1 && i < MOST; i++) {
    p->worker[i] = (struct worker){.pool = p, .number = i + 1};
    if (pthread_create(&p->worker[i].thread, 0, worker_main, &p->worker[i]) != 0) break;
    p->workers = i + 1;
  }
  pthread_sigmask(SIG_SETMASK, &before, 0);
  return p->workers + 1;
}

EXPORT struct pool *lazuli_pool_new(void) {
  struct pool *p = 0;
  if (posix_memalign((void **)&p, 64, sizeof *p) != 0) return 0;
  *p = (struct pool){.fork = fork_join};
  pthread_mutex_init(&p->mutex, 0);
  pthread_cond_init(&p->wake, 0);
  return p;
}

EXPORT void lazuli_pool_delete(struct pool *p) {
  stop_workers(p);
  pthread_cond_destroy(&p->wake);
  pthread_mutex_destroy(&p->mutex);
  free(p);
}

/* Results come and go with each step: what was freed stays with the process, for new pages cost more than the work on them. */
EXPORT void lazuli_keep_memory(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}
`;
