/*
 * Programs that wait for each other by mutexes, joins and condition variables: `futexes PART [FILE…]`. Each prints
 * `ready` when everything but its last step is done.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t c = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t both_held;
static char **files;

static void ready(void) {
  puts("ready");
  fflush(stdout);
}

static void rest(void) {
  for (;;) sleep(1000);
}

static pthread_t begin(void *(*part)(void *), void *argument) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, part, argument) != 0) exit(1);
  return thread;
}

/* Locks the first of a pair, waits until others have theirs, and locks the second. */
static void *take_two(void *pair) {
  pthread_mutex_t **locks = pair;
  pthread_mutex_lock(locks[0]);
  pthread_barrier_wait(&both_held);
  pthread_mutex_lock(locks[1]);
  return NULL;
}

static pthread_mutex_t *ab[] = {&a, &b}, *bc[] = {&b, &c}, *ca[] = {&c, &a}, *ba[] = {&b, &a};

static void *hold_and_sleep(void *unused) {
  pthread_mutex_lock(&a);
  pthread_barrier_wait(&both_held);
  rest();
  return unused;
}

static void lock_file(const char *path) {
  flock(open(path, O_RDWR | O_CREAT, 0600), LOCK_EX);
}

static void *hold_and_lock_file(void *unused) {
  pthread_mutex_lock(&a);
  pthread_barrier_wait(&both_held);
  lock_file(files[0]);
  return unused;
}

static void *lock_file_and_take(void *unused) {
  lock_file(files[0]);
  pthread_barrier_wait(&both_held);
  pthread_mutex_lock(&a);
  return unused;
}

static void *read_input(void *unused) {
  char byte;
  if (read(0, &byte, 1) < 0) exit(1);
  return unused;
}

static void *wait_for_work(void *unused) {
  pthread_mutex_lock(&a);
  for (;;) pthread_cond_wait(&never, &a);
  return unused;
}

static int listening(void) {
  int server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(server, (void *)&address, sizeof address) != 0 || listen(server, 8) != 0) exit(1);
  return server;
}

/* Whoever has the lock takes the next connection. */
static void *take_turns(void *server) {
  for (;;) {
    pthread_mutex_lock(&b);
    accept(*(int *)server, NULL, NULL);
    pthread_mutex_unlock(&b);
  }
  return NULL;
}

struct shared {
  pthread_mutex_t plain, other, robust, inheriting;
  pthread_rwlock_t rwlock;
};

/* The same locks for all who name the same file; whoever comes first makes them. */
static struct shared *share(const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  int is_first = fd >= 0;
  if (!is_first) fd = open(path, O_RDWR);
  if (fd < 0 || (is_first && ftruncate(fd, sizeof(struct shared)) != 0)) exit(1);
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (!is_first) return shared;
  pthread_mutexattr_t kind;
  pthread_mutexattr_init(&kind);
  pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&shared->plain, &kind);
  pthread_mutex_init(&shared->other, &kind);
  pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&shared->robust, &kind);
  pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_STALLED);
  pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT);
  pthread_mutex_init(&shared->inheriting, &kind);
  pthread_rwlockattr_t readers;
  pthread_rwlockattr_init(&readers);
  pthread_rwlockattr_setpshared(&readers, PTHREAD_PROCESS_SHARED);
  pthread_rwlock_init(&shared->rwlock, &readers);
  return shared;
}

static pthread_mutex_t *named(struct shared *shared, const char *kind) {
  if (strcmp(kind, "robust") == 0) return &shared->robust;
  if (strcmp(kind, "inheriting") == 0) return &shared->inheriting;
  return strcmp(kind, "other") == 0 ? &shared->other : &shared->plain;
}

int main(int count, char **words) {
  const char *part = count > 1 ? words[1] : "";
  files = words + 2;
  pthread_barrier_init(&both_held, NULL, 2);

  if (strcmp(part, "owner-sleeps") == 0) {
    begin(hold_and_sleep, NULL);
    pthread_barrier_wait(&both_held);
    ready();
    pthread_mutex_lock(&a);
  } else if (strcmp(part, "owner-locks-file") == 0) {
    begin(hold_and_lock_file, NULL);
    pthread_barrier_wait(&both_held);
    ready();
    pthread_mutex_lock(&a);
  } else if (strcmp(part, "two-of-two") == 0 || strcmp(part, "two-of-two-at-rest") == 0) {
    pthread_t one = begin(take_two, ab);
    begin(take_two, ba);
    ready();
    if (strcmp(part, "two-of-two-at-rest") == 0) rest();
    pthread_join(one, NULL);
  } else if (strcmp(part, "circle-of-three") == 0) {
    pthread_barrier_init(&both_held, NULL, 3);
    begin(take_two, bc);
    begin(take_two, ca);
    ready();
    take_two(ab);
  } else if (strcmp(part, "relock") == 0) {
    pthread_mutex_lock(&a);
    ready();
    pthread_mutex_lock(&a);
  } else if (strcmp(part, "mutex-and-file") == 0 || strcmp(part, "mutex-and-file-at-rest") == 0) {
    pthread_t one = begin(hold_and_lock_file, NULL);
    begin(lock_file_and_take, NULL);
    ready();
    if (strcmp(part, "mutex-and-file-at-rest") == 0) rest();
    pthread_join(one, NULL);
  } else if (strcmp(part, "fork-while-held") == 0) {
    begin(hold_and_sleep, NULL);
    pthread_barrier_wait(&both_held);
    if (fork() == 0) {
      pthread_mutex_lock(&a);
      _exit(0);
    }
    ready();
    rest();
  } else if (strcmp(part, "join-reader") == 0) {
    pthread_t reader = begin(read_input, NULL);
    ready();
    pthread_join(reader, NULL);
  } else if (strcmp(part, "pool") == 0) {
    for (int worker = 0; worker < 3; worker++) begin(wait_for_work, NULL);
    ready();
    wait_for_work(NULL);
  } else if (strcmp(part, "server-pool") == 0) {
    int server = listening();
    begin(take_turns, &server);
    for (int worker = 0; worker < 3; worker++) begin(wait_for_work, NULL);
    ready();
    static sem_t end;
    sem_init(&end, 0, 0);
    sem_wait(&end);
  } else if (strcmp(part, "turns") == 0) {
    int server = listening();
    for (int worker = 0; worker < 3; worker++) begin(take_turns, &server);
    ready();
    pause();
  } else if (strcmp(part, "main-has-ended") == 0) {
    begin(hold_and_lock_file, NULL);
    pthread_barrier_wait(&both_held);
    ready();
    pthread_exit(NULL);
  } else if (strcmp(part, "hold") == 0) {
    pthread_mutex_lock(named(share(files[0]), files[1]));
    ready();
    rest();
  } else if (strcmp(part, "take") == 0) {
    pthread_mutex_t *mutex = named(share(files[0]), files[1]);
    ready();
    int result = pthread_mutex_lock(mutex);
    if (result == EOWNERDEAD) rest();
  } else if (strcmp(part, "hold-and-take") == 0) {
    struct shared *shared = share(files[0]);
    pthread_mutex_lock(named(shared, files[1]));
    ready();
    while (access("go", F_OK) != 0) usleep(20000);
    pthread_mutex_lock(named(shared, files[2]));
  } else if (strcmp(part, "hold-and-lock-file") == 0) {
    pthread_mutex_lock(&share(files[0])->plain);
    ready();
    while (access("go", F_OK) != 0) usleep(20000);
    lock_file(files[1]);
  } else if (strcmp(part, "lock-file-and-take") == 0) {
    struct shared *shared = share(files[0]);
    lock_file(files[1]);
    ready();
    while (access("go", F_OK) != 0) usleep(20000);
    pthread_mutex_lock(&shared->plain);
  } else if (strcmp(part, "write") == 0) {
    pthread_rwlock_wrlock(&share(files[0])->rwlock);
    ready();
    rest();
  } else if (strcmp(part, "read") == 0) {
    struct shared *shared = share(files[0]);
    ready();
    pthread_rwlock_rdlock(&shared->rwlock);
  } else {
    return 2;
  }
  return 0;
}
