import { mkdtempSync, openSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import {
  adjtimex,
  finitModule,
  initModule,
  inetAddress,
  isErrno,
  openNetlink,
  openUdp,
  openUnixDatagram,
  SyscallError,
} from '../src/index.ts';

const LOOPBACK = new Uint8Array([127, 0, 0, 1]);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a channel', () => {
  it('returns whole messages, queued or awaited', async () => {
    using receiver = openUdp({ address: LOOPBACK, port: 40_068 });
    using sender = openUdp({ address: LOOPBACK, port: 40_067 });
    expect(receiver.read()).toBeUndefined();
    const waiting = receiver.receive();
    sender.send(bytes('one'), inetAddress(LOOPBACK, 40_068));
    sender.send(bytes('two'), inetAddress(LOOPBACK, 40_068));
    expect(text(await waiting)).toBe('one');
    expect(text(await receiver.receive())).toBe('two');
  });

  it('names the sender of a message', async () => {
    using receiver = openUdp({ address: LOOPBACK, port: 40_074 });
    using sender = openUdp({ address: LOOPBACK, port: 40_073 });
    expect(receiver.readFrom()).toBeUndefined();
    sender.send(bytes('one'), inetAddress(LOOPBACK, 40_074));
    await receiver.readable();
    const received = receiver.readFrom();
    if (received === undefined || received === 'too long') throw new Error('nothing is received');
    expect(text(received.message)).toBe('one');
    expect(Buffer.from(received.from)).toEqual(Buffer.from(inetAddress(LOOPBACK, 40_073)));
  });

  it('drops a message of more than 64 KiB and goes on', () => {
    const folder = mkdtempSync(join(tmpdir(), 'syscall-'));
    using echo = openUnixDatagram(join(folder, 'a'), join(folder, 'a'));
    echo.send(new Uint8Array(65_537));
    echo.send(bytes('next'));
    expect(echo.readFrom()).toBe('too long');
    expect(echo.readFrom()).toMatchObject({ message: bytes('next') });
  });

  it('waits for several sockets at once', async () => {
    using first = openUdp({ address: LOOPBACK, port: 40_070 });
    using second = openUdp({ address: LOOPBACK, port: 40_071 });
    const both = Promise.all([first.receive(), second.receive()]);
    second.send(bytes('to first'), inetAddress(LOOPBACK, 40_070));
    first.send(bytes('to second'), inetAddress(LOOPBACK, 40_071));
    expect((await both).map(text)).toEqual(['to first', 'to second']);
  });

  it('ends a wait when closed or aborted', async () => {
    const channel = openUdp({ address: LOOPBACK, port: 40_072 });
    const abort = new AbortController();
    const aborted = channel.receive(abort.signal);
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const closed = channel.receive();
    channel.close();
    await expect(closed).rejects.toThrow('ECANCELED');
    expect(() => channel.read()).toThrow('EBADF');
  });

  it('names the failed call and its errno', () => {
    const error = caught(() => openUnixDatagram('/nonexistent/socket'));
    expect(error).toBeInstanceOf(SyscallError);
    expect(error).toMatchObject({ call: 'connect', errno: 'ENOENT', code: 'KIOS_SYSCALL' });
    expect(isErrno(error, 'ENOENT')).toBe(true);
  });

  it('fails on what is not a module, with the errno of the thread that called', async () => {
    const fd = openSync('/dev/null', 'r');
    const loads = [finitModule(fd, '', 0), initModule(new Uint8Array(100), '')];
    // Another failure on this thread meanwhile, with an errno of its own.
    expect(caught(() => openUnixDatagram('/nonexistent/socket'))).toMatchObject({
      errno: 'ENOENT',
    });
    for (const load of loads) {
      const error = await load.catch((thrown: unknown) => thrown);
      expect(isErrno(error, 'EINVAL', 'EPERM', 'ENOEXEC', 'ENOSYS')).toBe(true);
    }
    closeSync(fd);
  });
});

describe('netlink', () => {
  it('replies to a link dump', async () => {
    using channel = openNetlink(0, [1]);
    const request = Buffer.alloc(32);
    request.writeUInt32LE(32, 0);
    request.writeUInt16LE(18, 4);
    request.writeUInt16LE(0x301, 6);
    channel.send(request);
    const reply = Buffer.from(await channel.receive());
    expect(reply.readUInt16LE(4)).toBe(16);
  });
});

describe('unix datagrams', () => {
  it('return to the bound path', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'syscall-'));
    // Connected to itself, the socket is its own echo.
    using echo = openUnixDatagram(join(folder, 'a'), join(folder, 'a'));
    echo.send(bytes('hello'));
    expect(text(await echo.receive())).toBe('hello');
  });
});

describe('adjtimex', () => {
  it('reads a plausible clock', () => {
    const clock = adjtimex();
    expect(clock.state).toBeLessThanOrEqual(5);
    expect(Math.abs(clock.frequencyPpm)).toBeLessThan(1000);
    expect(clock.maxErrorMicroseconds).toBeGreaterThanOrEqual(0);
  });
});
