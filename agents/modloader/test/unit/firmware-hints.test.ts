import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { firmwareOf } from '../../src/core/devices/modinfo.ts';
import { FirmwareHints } from '../../src/edge/devices/firmware-hints.ts';
import { FakeDevices } from '../support/fake-devices.ts';
import { Logbook } from '../support/logbook.ts';

const MODULES: Readonly<Record<string, string>> = {
  bnx2: '\x7fELF\0license=GPL\0firmware=bnx2/a.fw\0firmware=bnx2/b.fw\0',
  e1000e: '\x7fELF\0license=GPL\0parm=firmware=no\0',
};

async function read(name: string): Promise<Uint8Array> {
  const text = MODULES[name];
  if (text === undefined) throw new Error(`no file of ${name}`);
  return Buffer.from(text);
}

let devices: FakeDevices;
let log: Logbook;
let hints: FirmwareHints;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  devices = new FakeDevices();
  log = new Logbook();
  hints = new FirmwareHints({ devices, read, log });
});
afterEach(() => {
  hints[Symbol.dispose]();
  vi.useRealTimers();
});

describe('the firmware of a module', () => {
  it('is in entries of their own', () => {
    expect(firmwareOf(Buffer.from(MODULES['bnx2'] ?? ''))).toEqual(['bnx2/a.fw', 'bnx2/b.fw']);
    expect(firmwareOf(Buffer.from(MODULES['e1000e'] ?? ''))).toEqual([]);
    expect(firmwareOf(Buffer.from('firmware=first\0firmware=last'))).toEqual(['first', 'last']);
    expect(firmwareOf(new Uint8Array())).toEqual([]);
  });
});

describe('a hint at missing firmware', () => {
  it('comes 5 s after a load that left the device without a driver, once', async () => {
    devices.aliases = () => ['pci:a', 'pci:b'];
    hints.loaded('bnx2', 'pci:a');
    await vi.advanceTimersByTimeAsync(4999);
    expect(log.lines).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(log.of('firmware.hint')).toMatchObject([
      {
        level: 'warn',
        name: 'bnx2',
        device: '/sys/devices/pci:a',
        firmware: ['bnx2/a.fw', 'bnx2/b.fw'],
      },
    ]);
    hints.loaded('bnx2', 'pci:b');
    await vi.advanceTimersByTimeAsync(5000);
    expect(log.of('firmware.hint')).toHaveLength(1);
  });

  it.each([
    ['its device has a driver', 'bnx2', 'pci:bound'],
    ['it needs no firmware', 'e1000e', 'pci:a'],
    ['its device has gone', 'bnx2', 'pci:gone'],
  ])('does not come when %s', async (_, name, alias) => {
    devices.aliases = () => ['pci:a', 'pci:bound'];
    devices.drivers.set('/sys/devices/pci:bound', 'bnx2');
    hints.loaded(name, alias);
    await vi.advanceTimersByTimeAsync(5000);
    expect(log.lines).toEqual([]);
  });

  it('asks for no walk while nothing is loaded', async () => {
    await vi.advanceTimersByTimeAsync(60_000);
    expect(devices.walks).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('names devices that wait for user space', async () => {
    devices.firmware = ['0000:01:00.0'];
    hints.loaded('e1000e', 'pci:a');
    await vi.advanceTimersByTimeAsync(5000);
    expect(log.of('firmware.hint')).toMatchObject([{ waiting: ['0000:01:00.0'] }]);
  });

  it('is left out for a module file that cannot be read', async () => {
    devices.aliases = () => ['pci:a'];
    hints.loaded('unknown', 'pci:a');
    await vi.advanceTimersByTimeAsync(5000);
    expect(log.of('firmware.unknown')).toHaveLength(1);
  });
});
