import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { isHardware } from '../../src/edge/kernel/hardware.ts';

let sys: string;
beforeEach(async () => {
  sys = await mkdtemp(path.join(tmpdir(), 'kios-sys-'));
});
afterEach(() => rm(sys, { recursive: true }));

const folder = (...parts: string[]): Promise<unknown> =>
  mkdir(path.join(sys, 'class/net/eth0', ...parts), { recursive: true });
const portName = (name: string): Promise<void> =>
  writeFile(path.join(sys, 'class/net/eth0/phys_port_name'), `${name}\n`);

describe('auto serves', () => {
  it('a card', async () => {
    await folder('device');
    expect(isHardware('eth0', sys)).toBe(true);
  });

  it('no bridge', async () => {
    await folder();
    expect(isHardware('eth0', sys)).toBe(false);
  });

  it('no virtual function whose card is here', async () => {
    await folder('device', 'physfn');
    expect(isHardware('eth0', sys)).toBe(false);
  });

  it.each([
    ['p0', true],
    ['pf0', true],
    ['pf0vf3', false],
    ['c1pf0vf3', false],
    ['pf1sf88', false],
  ])('a card whose port is named %s: %s', async (name, served) => {
    await folder('device');
    await portName(name);
    expect(isHardware('eth0', sys)).toBe(served);
  });

  it.each([
    ['of a Realtek adapter', '0bda', '8153', true],
    ['of QEMU', '0525', 'a4a2', true],
    ['of the BMC: AMI', '046b', 'ffb0', false],
    ['of the BMC: Dell', '413c', 'a102', false],
    ['of the BMC: Insyde', '0b1f', '03ee', false],
    ['of the BMC: Lenovo', '04b3', '4010', false],
  ])('a card on USB, %s: %s:%s, %s', async (_name, vendor, product, served) => {
    const usb = path.join(sys, 'devices/pci0000:00/0000:00:14.0/usb1/1-11');
    await mkdir(path.join(usb, '1-11:2.0'), { recursive: true });
    await writeFile(path.join(usb, 'idVendor'), `${vendor}\n`);
    await writeFile(path.join(usb, 'idProduct'), `${product}\n`);
    await folder();
    await symlink(path.join(usb, '1-11:2.0'), path.join(sys, 'class/net/eth0/device'));
    expect(isHardware('eth0', sys)).toBe(served);
  });
});
