/*
 * The part of UEFI that the guard calls (UEFI specification 2.10, chapters 4, 7, 8, 9, 10, 13). Tables and protocols
 * are as long as their last used member; `unused` stands for members in between.
 */
#include <stddef.h>
#include <stdint.h>

typedef uint16_t Char;
typedef uint64_t Status;
typedef void *Handle;
typedef void *Event;

#define EFI_SUCCESS 0
/* Bits of CreateEvent's type, and a priority above that of the programs that firmware starts. */
#define EVENT_TIMER 0x80000000u
#define EVENT_NOTIFY_SIGNAL 0x00000200u
#define TPL_CALLBACK 8
#define TIMER_RELATIVE 2
#define RESET_COLD 0
#define POOL_LOADER_DATA 2
#define FILE_READ 1
/* Kinds of nodes of a device path. */
#define PATH_MEDIA 4
#define PATH_MEDIA_FILE 4
#define PATH_END 0x7f
#define PATH_END_WHOLE 0xff

typedef struct {
  uint32_t a;
  uint16_t b, c;
  uint8_t d[8];
} Guid;

#define LOADED_IMAGE {0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}}
#define DEVICE_PATH {0x09576e91, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}}
#define FILE_SYSTEM {0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}}

typedef struct TextOutput {
  void *unused;
  Status (*output)(struct TextOutput *, const Char *);
} TextOutput;

typedef struct {
  uint8_t header[24];
  void *unused1[5];
  Status (*allocate_pool)(int kind, uint64_t bytes, void **);
  Status (*free_pool)(void *);
  Status (*create_event)(uint32_t kind, uint64_t level, void (*notify)(Event, void *), void *context, Event *);
  Status (*set_timer)(Event, int kind, uint64_t hundreds_of_ns);
  void *unused2[7];
  Status (*handle_protocol)(Handle, const Guid *, void **);
  void *unused3[5];
  Status (*load_image)(uint8_t is_boot_choice, Handle parent, void *path, void *source, uint64_t bytes, Handle *);
  Status (*start_image)(Handle, uint64_t *exit_bytes, Char **exit_text);
  void *unused4;
  Status (*unload_image)(Handle);
  void *unused5[2];
  Status (*stall)(uint64_t microseconds);
} BootServices;

typedef struct {
  uint8_t header[24];
  void *unused[10];
  void (*reset)(int kind, Status why, uint64_t bytes, const void *text);
} RuntimeServices;

typedef struct {
  uint8_t header[24];
  void *unused1[5];
  TextOutput *out;
  void *unused2[2];
  RuntimeServices *runtime;
  BootServices *boot;
} SystemTable;

typedef struct {
  void *unused[3];
  Handle device;
} LoadedImage;

typedef struct {
  uint8_t kind, subkind, bytes[2];
} PathNode;

typedef struct File {
  uint64_t revision;
  Status (*open)(struct File *, struct File **, const Char *name, uint64_t mode, uint64_t attributes);
  Status (*close)(struct File *);
  void *unused;
  Status (*read)(struct File *, uint64_t *bytes, void *);
} File;

typedef struct FileSystem {
  uint64_t revision;
  Status (*open_volume)(struct FileSystem *, File **root);
} FileSystem;

#define AT(type, member, offset) _Static_assert(offsetof(type, member) == (offset), #type " as in the specification")
AT(BootServices, allocate_pool, 64);
AT(BootServices, create_event, 80);
AT(BootServices, handle_protocol, 152);
AT(BootServices, load_image, 200);
AT(BootServices, unload_image, 224);
AT(BootServices, stall, 248);
AT(RuntimeServices, reset, 104);
AT(SystemTable, out, 64);
AT(SystemTable, runtime, 88);
AT(LoadedImage, device, 24);
AT(File, read, 32);
