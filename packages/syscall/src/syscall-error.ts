import { EXIT, KiosError } from '@kios/errors';

/** Linux's own errno names; the runtime lists only those of POSIX. */
const LINUX = { ENOKEY: 126, EKEYEXPIRED: 127, EKEYREVOKED: 128, EKEYREJECTED: 129 } as const;
const DENIED = new Set(['EPERM', 'EACCES']);
let names: ReadonlyMap<number, string> | undefined;

/** Returns an errno's name. The table is made on the first failure: an agent's start has none, and loads less. */
function nameOf(errno: number): string {
  names ??= readNames();
  return names.get(errno) ?? `errno ${errno}`;
}

function readNames(): ReadonlyMap<number, string> {
  // One number has two names, and Linux's manual pages use the other one.
  const { EWOULDBLOCK: _, ...posix } = process.getBuiltinModule('node:os').constants.errno;
  return new Map(Object.entries({ ...LINUX, ...posix }).map(([name, value]) => [value, name]));
}

/** A failed system call. `call` is its name, `errno` the error's (`ENOENT`); the message says what was attempted. */
export class SyscallError extends KiosError {
  readonly call: string;
  readonly errno: string;

  constructor(call: string, errno: number | string, attempt: string) {
    const name = typeof errno === 'string' ? errno : nameOf(errno);
    super('KIOS_SYSCALL', `${attempt}: ${call}: ${name}`, {
      exitCode: DENIED.has(name) ? EXIT.permission : EXIT.system,
    });
    this.call = call;
    this.errno = name;
  }
}

/** Returns whether an error is a failed system call with one of these errno names. */
export function isErrno(error: unknown, ...names: readonly string[]): error is SyscallError {
  return error instanceof SyscallError && names.includes(error.errno);
}

/** Returns the errno name in an error of the runtime's file functions. */
export function errnoName(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'EIO';
}
