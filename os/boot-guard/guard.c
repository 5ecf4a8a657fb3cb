/*
 * The guard is what firmware starts from a medium. It starts the loader behind it, systemd-boot. Firmware to which a
 * loader returns goes on to its menu or shell and stays there. So when the loader returns, because the EFI file that it
 * chose cannot be started, the guard starts the older one that \loader\fallback names. When there is none, or it
 * returns too, the guard resets the machine. A timer resets it when no kernel has taken over in time; the timer ends
 * with boot services.
 */
#include "efi.h"

#if defined(__x86_64__)
#define LOADER u"\\EFI\\systemd\\systemd-bootx64.efi"
#elif defined(__aarch64__)
#define LOADER u"\\EFI\\systemd\\systemd-bootaa64.efi"
#endif

#define FALLBACK u"\\loader\\fallback"
/* The one form of the line in that file. Zeros stand for any digits. */
#define FORM "\\EFI\\kios\\0000.efi"
#define FORM_LENGTH (sizeof(FORM) - 1)

#define CODE_LOADER u"KIOS_GUARD_LOADER"
#define CODE_FALLBACK u"KIOS_GUARD_FALLBACK"

#define SECOND_IN_US 1000000ull
#define SECOND_IN_100NS 10000000ull
/* As long as firmware itself gives what it starts (UEFI specification, section 3.1.2): half a megabyte a second. */
#define DEADLINE_S 300
/* Time for a person to read why. */
#define READING_S 3
#define RESETS u"The machine resets in 3 s."

/* The path of an EFI file on the medium, with its end. */
typedef struct {
  Char text[FORM_LENGTH + 1];
} EfiPath;

/* One absolute address gives the file a table of relocations, without which some firmware starts nothing. */
Status EfiMain(Handle self, const SystemTable *table);
__attribute__((used)) static const void *const relocated = (const void *)EfiMain;

static void print(const SystemTable *table, const Char *text) {
  table->out->output(table->out, text);
}

static void print_status(const SystemTable *table, Status status) {
  for (int shift = 60; shift >= 0; shift -= 4) {
    const Char digit[] = {u"0123456789abcdef"[status >> shift & 15], 0};
    print(table, digit);
  }
}

/* Says what failed, why, and what happens now. */
static void report(const SystemTable *table, const Char *what, Status status, const Char *code, const Char *then) {
  print(table, u"\r\nkios: cannot start ");
  print(table, what);
  print(table, u": UEFI status 0x");
  print_status(table, status);
  print(table, u" [");
  print(table, code);
  print(table, u"]\r\nkios: ");
  print(table, then);
  print(table, u"\r\n");
}

static void reset(const SystemTable *table) {
  table->runtime->reset(RESET_COLD, EFI_SUCCESS, 0, 0);
}

static void reset_after_reading(const SystemTable *table) {
  for (;;) {
    table->boot->stall(READING_S * SECOND_IN_US);
    reset(table);
  }
}

/* Resets without a word: output that blocks would keep the machine from it. */
static void on_timer(Event event, void *context) {
  (void)event;
  reset(context);
}

static void set_timer(const SystemTable *table, Event timer) {
  if (timer != 0)
    table->boot->set_timer(timer, TIMER_RELATIVE, DEADLINE_S * SECOND_IN_100NS);
}

static uint64_t length_of(const PathNode *node) {
  return node->bytes[0] | (uint64_t)node->bytes[1] << 8;
}

static uint8_t *append(uint8_t *to, const void *from, uint64_t bytes) {
  for (const uint8_t *byte = from; bytes > 0; bytes--)
    *to++ = *byte++;
  return to;
}

/* Returns the device path of a file, in memory of the pool: that of its volume, the name, and the end. */
static Status path_of(const SystemTable *table, Handle volume, const Char *name, void **path) {
  static const Guid guid = DEVICE_PATH;
  const uint8_t *start;
  Status status = table->boot->handle_protocol(volume, &guid, (void **)&start);
  if (status != EFI_SUCCESS)
    return status;
  const PathNode *node = (const PathNode *)start;
  while (node->kind != PATH_END)
    node = (const PathNode *)((const uint8_t *)node + length_of(node));
  const uint64_t volume_bytes = (uint64_t)((const uint8_t *)node - start);
  uint64_t name_bytes = sizeof(Char);
  for (const Char *at = name; *at != 0; at++)
    name_bytes += sizeof(Char);
  const uint64_t file_bytes = sizeof(PathNode) + name_bytes;
  const PathNode file = {PATH_MEDIA, PATH_MEDIA_FILE, {(uint8_t)file_bytes, (uint8_t)(file_bytes >> 8)}};
  const PathNode end = {PATH_END, PATH_END_WHOLE, {sizeof(PathNode), 0}};
  status = table->boot->allocate_pool(POOL_LOADER_DATA, volume_bytes + file_bytes + sizeof(end), path);
  if (status != EFI_SUCCESS)
    return status;
  uint8_t *to = append(*path, start, volume_bytes);
  to = append(to, &file, sizeof(file));
  to = append(to, name, name_bytes);
  append(to, &end, sizeof(end));
  return EFI_SUCCESS;
}

/* Starts an EFI file of the volume; firmware checks its signature where Secure Boot is on. Returns when it ends. */
static Status start(const SystemTable *table, Handle self, Handle volume, const Char *name) {
  void *path;
  Status status = path_of(table, volume, name, &path);
  if (status != EFI_SUCCESS)
    return status;
  Handle image = 0;
  status = table->boot->load_image(0, self, path, 0, 0, &image);
  table->boot->free_pool(path);
  if (status == EFI_SUCCESS)
    return table->boot->start_image(image, 0, 0);
  /* A file without a valid signature is loaded and must not be started. */
  if (image != 0)
    table->boot->unload_image(image);
  return status;
}

static int is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

/* Takes the path from a line that has exactly the one form, with or without an end of line. */
static int parse_fallback(const char *line, uint64_t bytes, EfiPath *path) {
  if (bytes < FORM_LENGTH || (bytes > FORM_LENGTH && line[FORM_LENGTH] != '\n'))
    return 0;
  for (uint64_t at = 0; at < FORM_LENGTH; at++) {
    if (is_digit(FORM[at]) ? !is_digit(line[at]) : line[at] != FORM[at])
      return 0;
    path->text[at] = (Char)line[at];
  }
  path->text[FORM_LENGTH] = 0;
  return 1;
}

/* Reads which older EFI file is to be started. Returns 0 when the medium names none. */
static int read_fallback(const SystemTable *table, Handle volume, EfiPath *path) {
  static const Guid guid = FILE_SYSTEM;
  FileSystem *system;
  File *root, *file;
  if (table->boot->handle_protocol(volume, &guid, (void **)&system) != EFI_SUCCESS)
    return 0;
  if (system->open_volume(system, &root) != EFI_SUCCESS)
    return 0;
  int found = 0;
  if (root->open(root, &file, FALLBACK, FILE_READ, 0) == EFI_SUCCESS) {
    char line[FORM_LENGTH + 1];
    uint64_t bytes = sizeof(line);
    found = file->read(file, &bytes, line) == EFI_SUCCESS && parse_fallback(line, bytes, path);
    file->close(file);
  }
  root->close(root);
  return found;
}

Status EfiMain(Handle self, const SystemTable *table) {
  static const Guid guid = LOADED_IMAGE;
  const BootServices *boot = table->boot;
  const LoadedImage *own = 0;
  Event timer = 0;
  boot->create_event(EVENT_TIMER | EVENT_NOTIFY_SIGNAL, TPL_CALLBACK, on_timer, (void *)table, &timer);
  set_timer(table, timer);
  Status status = boot->handle_protocol(self, &guid, (void **)&own);
  if (status == EFI_SUCCESS)
    status = start(table, self, own->device, LOADER);
  EfiPath older;
  if (own == 0 || !read_fallback(table, own->device, &older)) {
    report(table, LOADER u", or what it chose, and " FALLBACK u" names no older system", status, CODE_LOADER, RESETS);
    reset_after_reading(table);
  }
  report(table, LOADER u", or what it chose", status, CODE_LOADER, u"The older system starts.");
  set_timer(table, timer);
  status = start(table, self, own->device, older.text);
  report(table, older.text, status, CODE_FALLBACK, RESETS);
  reset_after_reading(table);
  return status;
}
