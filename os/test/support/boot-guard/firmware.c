/*
 * Firmware to run the guard on a workstation. It prints each call, and ends at the first reset. Its arguments: the
 * content of \loader\fallback, or `-` without that file, then for each EFI file the statuses of its load and its start
 * as LOAD:START, in hexadecimal. One whose start is `hang` runs until the timer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "efi.h"

Status EfiMain(Handle self, const SystemTable *table);

static char **args;
/* The argument of the file that was loaded last. */
static const char *loaded;
static const char *fallback;
static int volume, self, image, timers;
static void (*notified)(Event, void *);
static void *of_notified;

static void print_name(const Char *name) {
  for (; *name != 0; name++)
    putchar(*name);
}

static Status output(TextOutput *out, const Char *text) {
  (void)out;
  print_name(text);
  return EFI_SUCCESS;
}

static Status allocate_pool(int kind, uint64_t bytes, void **into) {
  (void)kind;
  *into = malloc(bytes);
  return EFI_SUCCESS;
}

static Status free_pool(void *memory) {
  free(memory);
  return EFI_SUCCESS;
}

static Status create_event(uint32_t kind, uint64_t level, void (*notify)(Event, void *), void *context, Event *event) {
  printf("event %x at level %d\n", kind, (int)level);
  notified = notify;
  of_notified = context;
  *event = &timers;
  return EFI_SUCCESS;
}

static Status set_timer(Event event, int kind, uint64_t hundreds_of_ns) {
  printf("timer %d of %d s\n", event == &timers ? kind : -1, (int)(hundreds_of_ns / 10000000));
  return EFI_SUCCESS;
}

/* A device path of the volume: two nodes, of 8 and 6 bytes, and the end. */
static const uint8_t device_path[] = {2, 1, 8, 0, 1, 2, 3, 4, 4, 1, 6, 0, 5, 6, 0x7f, 0xff, 4, 0};

static Status load_image(uint8_t is_choice, Handle parent, void *path, void *source, uint64_t bytes, Handle *into) {
  const uint8_t *at = path;
  const uint64_t own = sizeof(device_path) - 4;
  if (is_choice != 0 || parent != &self || source != 0 || bytes != 0 || memcmp(at, device_path, own) != 0)
    printf("wrong call\n");
  const uint64_t length = at[own + 2] | at[own + 3] << 8;
  static const uint8_t end[] = {0x7f, 0xff, 4, 0};
  if (at[own] != 4 || at[own + 1] != 4 || memcmp(at + own + length, end, 4) != 0)
    printf("wrong path\n");
  Char name[64] = {0};
  memcpy(name, at + own + 4, length - 4);
  printf("load ");
  print_name(name);
  printf("\n");
  loaded = *args++;
  const Status status = strtoull(loaded, 0, 16);
  /* EFI_SECURITY_VIOLATION leaves the image loaded. */
  *into = status == EFI_SUCCESS || status == 0x800000000000001aull ? &image : 0;
  return status;
}

static Status start_image(Handle handle, uint64_t *exit_bytes, Char **exit_text) {
  printf("start %s\n", handle == &image && exit_bytes == 0 && exit_text == 0 ? "it" : "something else");
  const char *status = strchr(loaded, ':');
  if (strcmp(status, ":hang") == 0)
    notified(&timers, of_notified);
  return strtoull(status + 1, 0, 16);
}

static Status unload_image(Handle handle) {
  printf("unload %s\n", handle == &image ? "it" : "something else");
  return EFI_SUCCESS;
}

static Status stall(uint64_t microseconds) {
  printf("stall %d s\n", (int)(microseconds / 1000000));
  return EFI_SUCCESS;
}

static void reset(int kind, Status why, uint64_t bytes, const void *text) {
  printf("reset %d %d %d %d\n", kind, (int)why, (int)bytes, text != 0);
  exit(0);
}

static Status close(File *file) {
  (void)file;
  return EFI_SUCCESS;
}

static Status read(File *file, uint64_t *bytes, void *into) {
  (void)file;
  const uint64_t length = strlen(fallback);
  *bytes = *bytes < length ? *bytes : length;
  memcpy(into, fallback, *bytes);
  return EFI_SUCCESS;
}

static Status open_file(File *root, File **file, const Char *name, uint64_t mode, uint64_t attributes) {
  (void)root;
  printf("open ");
  print_name(name);
  printf(" %d %d\n", (int)mode, (int)attributes);
  static File opened = {.close = close, .read = read};
  *file = &opened;
  return strcmp(fallback, "-") == 0 ? 0x800000000000000eull : EFI_SUCCESS;
}

static Status open_volume(FileSystem *system, File **root) {
  (void)system;
  static File opened = {.open = open_file, .close = close};
  *root = &opened;
  return EFI_SUCCESS;
}

static Status handle_protocol(Handle handle, const Guid *guid, void **into) {
  static LoadedImage own = {.device = &volume};
  static FileSystem system = {.open_volume = open_volume};
  static const Guid guids[] = {LOADED_IMAGE, DEVICE_PATH, FILE_SYSTEM};
  const Handle handles[] = {&self, &volume, &volume};
  void *const found[] = {&own, (void *)device_path, &system};
  for (int at = 0; at < 3; at++) {
    *into = found[at];
    if (handle == handles[at] && memcmp(guid, &guids[at], sizeof(*guid)) == 0)
      return EFI_SUCCESS;
  }
  return 0x8000000000000003ull;
}

int main(int count, char **given) {
  (void)count;
  fallback = given[1];
  args = given + 2;
  static TextOutput out = {.output = output};
  static RuntimeServices runtime = {.reset = reset};
  static BootServices boot = {
      .allocate_pool = allocate_pool, .free_pool = free_pool,   .create_event = create_event,
      .set_timer = set_timer,         .load_image = load_image, .handle_protocol = handle_protocol,
      .start_image = start_image,     .stall = stall,           .unload_image = unload_image,
  };
  static const SystemTable table = {.out = &out, .runtime = &runtime, .boot = &boot};
  EfiMain(&self, &table);
  printf("the guard returned\n");
}
