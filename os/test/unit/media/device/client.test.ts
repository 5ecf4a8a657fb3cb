import { PassThrough } from 'node:stream';

import { expect, it } from 'vitest';

import { connectDevice, serverCommand } from '../../../../src/media/device/client.ts';
import { deviceError } from '../../../../src/media/device/device-error.ts';
import { messages } from '../../../../src/media/device/messages.ts';
import { serveDevice } from '../../../../src/media/device/server.ts';
import { MemoryDevice } from '../../../support/media/memory-device.ts';

const disk = { path: '/dev/fake', bytes: 4096, serial: 'A1', number: '8:16' };
const pipes = () => ({
  input: new PassThrough(),
  output: new PassThrough(),
  ended: async () => {},
});

it('asks for the disk by all that tells disks apart', async () => {
  const peer = pipes();
  const asked = serveDevice(peer.input, peer.output, async (wanted, mode) => {
    expect(wanted).toEqual(disk);
    expect(mode).toBe('write');
    return new MemoryDevice(Buffer.alloc(4096));
  });
  const device = await connectDevice(disk, 'write', peer);
  await device[Symbol.asyncDispose]();
  await asked;
});

it('hands on a refusal with code, remedy and exit code', async () => {
  const peer = pipes();
  void serveDevice(peer.input, peer.output, async () => {
    throw deviceError('busy', 'open /dev/fake', 'something uses it');
  });
  await expect(connectDevice(disk, 'write', peer)).rejects.toMatchObject({
    code: 'KIOS_FLASH_REFUSED',
    message: 'open /dev/fake: something uses it',
    exitCode: 69,
    remedy: 'Unmount its file systems and stop what uses it: swap, LVM, RAID, a virtual machine.',
  });
});

it('names a child that ended, as after a wrong password', async () => {
  const peer = pipes();
  peer.output.end();
  await expect(connectDevice(disk, 'write', peer)).rejects.toMatchObject({
    code: 'KIOS_FLASH_ROOT',
  });
});

it('names a device that does not reply within the deadline', async () => {
  const peer = pipes();
  const device = new MemoryDevice(Buffer.alloc(4096));
  device.flush = () => new Promise(() => {});
  void serveDevice(peer.input, peer.output, async () => device);
  const remote = await connectDevice(disk, 'write', peer, 20);
  await expect(remote.flush()).rejects.toMatchObject({
    code: 'KIOS_FLASH_GONE',
    message: 'use /dev/fake: no reply for 0.02 s',
  });
});

it('the child lets go of the device when its input ends, however that came', async () => {
  const peer = pipes();
  const device = new MemoryDevice(Buffer.alloc(4096));
  const { promise: disposed, resolve } = Promise.withResolvers<void>();
  device[Symbol.asyncDispose] = async () => resolve();
  const served = serveDevice(peer.input, peer.output, async () => device);
  await connectDevice(disk, 'write', peer);
  peer.input.write('{"op":"write","at":0,"length":4096}\nhalf of it');
  peer.input.end();
  await disposed;
  await served;
  expect(device.medium.every((byte) => byte === 0)).toBe(true);
});

it('uses sudo only where the user may not open the disk, and does not let a script wait for a password', () => {
  const [node, server] = serverCommand(true, true);
  expect(node).toBe(process.execPath);
  expect(serverCommand(false, true)).toEqual(['sudo', '--', node, server]);
  expect(serverCommand(false, false)).toEqual(['sudo', '--non-interactive', '--', node, server]);
});

it('reads messages whatever pieces they come in', async () => {
  const stream = new PassThrough();
  const bytes = Buffer.from('{"a":1}\n{"length":5}\n\n{"x\n{"b":2}\n');
  for (const byte of bytes) stream.write(Buffer.of(byte));
  stream.end();
  const found: unknown[] = [];
  for await (const { head, body } of messages(stream)) found.push([head, body.toString()]);
  expect(found).toEqual([
    [{ a: 1 }, ''],
    [{ length: 5 }, '\n{"x\n'],
    [{ b: 2 }, ''],
  ]);
});

it.each(['{"length":-1}\n', '{"length":1e12}\n', '{"length":"5"}\n', 'x'.repeat(70_000)])(
  'refuses the message %#, which cannot be',
  async (text) => {
    const stream = new PassThrough();
    stream.end(text);
    await expect(messages(stream).next()).rejects.toThrow('message');
  },
);
