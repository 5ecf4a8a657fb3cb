/**
 * The C library, bound on first use: loading the FFI costs milliseconds, which a process that only prints its version
 * must not pay. Each function is looked up on its first call.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

type Argument = number | bigint | string | Uint8Array | object | null;
type Bound = ((...args: Argument[]) => number) & {
  async(...args: [...Argument[], (error: Error | null, result: number) => void]): void;
};
interface Koffi {
  load(path: null): { func(prototype: string): Bound };
  errno(): number;
  struct(name: string, fields: Record<string, string>): unknown;
  alloc(type: string, length: number): object;
  address(memory: object): bigint;
  view(memory: object, length: number): ArrayBuffer;
}

let koffi: Koffi | undefined;
let library: ReturnType<Koffi['load']> | undefined;

/**
 * Loads koffi's native module without its JavaScript, which would read the runtime's ELF header and try many paths.
 * In an image the module lies beside the bundle.
 */
function ffi(): Koffi {
  if (koffi === undefined) {
    const beside = fileURLToPath(new URL('./koffi.node', import.meta.url));
    const installed = `@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`;
    const load: (id: string) => Koffi = createRequire(import.meta.url);
    koffi = load(existsSync(beside) ? beside : installed);
  }
  return koffi;
}

function lazy(prototype: string, prepare?: (koffi: Koffi) => void): () => Bound {
  let bound: Bound | undefined;
  return () => {
    if (bound === undefined) {
      library ??= ffi().load(null);
      prepare?.(ffi());
      bound = library.func(prototype);
    }
    return bound;
  };
}

/** Returns `errno` of the last call. */
export const errno = (): number => ffi().errno();

/** Zeroed memory outside the runtime's heap. It never moves and is never freed. */
export interface Memory {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

export function allocate(size: number): Memory {
  const memory = ffi().alloc('uint8_t', size);
  return { address: ffi().address(memory), bytes: new Uint8Array(ffi().view(memory, size)) };
}

export const libc = {
  socket: lazy('int socket(int domain, int type, int protocol)'),
  bind: lazy('int bind(int fd, const void *address, unsigned int length)'),
  connect: lazy('int connect(int fd, const void *address, unsigned int length)'),
  shutdown: lazy('int shutdown(int fd, int how)'),
  setsockopt: lazy(
    'int setsockopt(int fd, int level, int name, const void *value, unsigned int length)',
  ),
  attachFilter: lazy(
    'int setsockopt(int fd, int level, int name, const sock_fprog *value, unsigned int length)',
    (koffi) => koffi.struct('sock_fprog', { length: 'uint16_t', filter: 'void *' }),
  ),
  sendto: lazy(
    'long sendto(int fd, const void *data, size_t size, int flags, const void *to, unsigned int length)',
  ),
  recvfrom: lazy(
    'long recvfrom(int fd, void *data, size_t size, int flags, void *from, void *fromLength)',
  ),
  /** fcntl(2) for the commands whose argument is a pointer. */
  fcntl: lazy('int fcntl(int fd, int command, void *argument)'),
  /** ioctl(2) for the requests whose argument is a pointer. */
  ioctl: lazy('int ioctl(int fd, unsigned long request, void *argument)'),
  poll: lazy('int poll(void *entries, unsigned long count, int timeout)'),
  eventfd: lazy('int eventfd(unsigned int initial, int flags)'),
  clockGettime: lazy('int clock_gettime(int clock, void *time)'),
  timerfdCreate: lazy('int timerfd_create(int clock, int flags)'),
  timerfdSettime: lazy('int timerfd_settime(int fd, int flags, const void *value, void *old)'),
  /** Takes the address as a number, because it is not memory that this program allocated. */
  madvise: lazy('int madvise(int64_t address, size_t length, int advice)'),
  adjtimex: lazy('int adjtimex(void *timex)'),
  /** syscall(2) with the argument types of finit_module and of init_module; libc has no wrapper for the first. */
  finitModule: lazy('long syscall(long number, int fd, const char *parameters, int flags)'),
  initModule: lazy(
    'long syscall(long number, const void *image, unsigned long size, const char *parameters)',
  ),
  /** syscall(2) for callers that know a call's number and pass pointers as addresses. */
  syscall: lazy(
    'long syscall(long number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f)',
  ),
} as const;
