import type { LogFields } from '@kios/agent';
import { SyscallError } from '@kios/syscall';
import { expect, it } from 'vitest';

import { attemptSend } from '../../src/edge/sockets/attempt-send.ts';

const nothing = (): void => undefined;
const close = (): Promise<void> => Promise.resolve();
const fault = (): never => {
  throw new RangeError('out of bounds');
};

function recorder() {
  const lines: LogFields[] = [];
  const warn = (fields: LogFields): void => void lines.push(fields);
  return { lines, log: { debug: nothing, info: nothing, warn, error: nothing, close } };
}

/** What packet filters, programs of BPF, security modules, routes and links make of a message. */
const REFUSALS = [
  'EPERM',
  'EACCES',
  'EINVAL',
  'EADDRNOTAVAIL',
  'EMSGSIZE',
  'ENOBUFS',
  'ENETDOWN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENODEV',
  'ENXIO',
];

it.each(REFUSALS)('a message that the kernel refuses with %s costs itself', (errno) => {
  const { lines, log } = recorder();
  const refuse = (): never => {
    throw new SyscallError('sendto', errno, 'send');
  };
  expect(attemptSend(refuse, log, { link: 'eth0' })).toBe(false);
  expect(lines).toMatchObject([{ ev: 'tx.fail', link: 'eth0', err: { errno } }]);
});

it('a message that is sent leaves no line, and a fault of this program is none of the kernel', () => {
  const { lines, log } = recorder();
  expect(attemptSend(nothing, log)).toBe(true);
  expect(() => attemptSend(fault, log)).toThrow('out of bounds');
  expect(lines).toEqual([]);
});
