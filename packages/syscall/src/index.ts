export { adjtimex, type KernelClock } from './adjtimex.ts';
export { bootClock, type BootTimer, openBootTimer } from './boot-clock.ts';
export type { Channel, Received } from './channel.ts';
export { type ClockChanges, openClockChanges } from './clock-changes.ts';
export { type Holder, lock, type Lock, type LockOptions, tryLock } from './lock.ts';
export { finitModule, initModule, MODULE_INIT } from './module.ts';
export { resizeExt4 } from './resize.ts';
export {
  connectUnixStream,
  inetAddress,
  type Instruction,
  openNetlink,
  openPacket,
  openUdp,
  openUnixDatagram,
  type PacketOptions,
  replaceFilter,
  type UdpOptions,
  type UnixStream,
} from './socket.ts';
export { inet6Address, type LinkLocal, openIcmp6, openUdp6, type Udp6Options } from './socket6.ts';
export { isErrno, SyscallError } from './syscall-error.ts';
export { releaseCodePages } from './code-pages.ts';
