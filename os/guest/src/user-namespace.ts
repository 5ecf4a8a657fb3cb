import { allocate } from '@kios/syscall/raw';

import { call } from './call.ts';
import { EXIT } from './tiny-program.ts';

const CLONE_NEWUSER = 0x10000000;
const SIGCHLD = 17;
const PAGE = 4096;
const READ_WRITE_EXECUTE = 7;

/**
 * Makes a process in a new user namespace and waits for its end. unshare(2) refuses that to a program with threads, and
 * the runtime has some. The child has no copies of those threads, so it must not return into the runtime: its stack
 * holds only the address of a few bytes of machine code, to which the C library's `syscall` returns.
 */
export function makeUserNamespace(): void {
  const room = allocate(2 * PAGE);
  const page = Math.ceil(Number(room.address) / PAGE) * PAGE;
  const offset = page - Number(room.address);
  const view = new DataView(room.bytes.buffer);
  room.bytes.set(EXIT, offset);
  view.setBigUint64(offset + PAGE - 16, BigInt(page), true);
  call('mprotect', page, PAGE, READ_WRITE_EXECUTE);
  const child = call('clone', CLONE_NEWUSER | SIGCHLD, page + PAGE - 16, 0, 0, 0);
  call('wait4', child, null, 0, null);
}
