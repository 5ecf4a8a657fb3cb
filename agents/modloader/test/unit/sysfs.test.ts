import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Device } from '../../src/core/devices/device.ts';
import { requireSysfs, sysfsDevices } from '../../src/edge/devices/sysfs.ts';

let sys: string;
beforeAll(async () => {
  sys = await mkdtemp(path.join(tmpdir(), 'kios-sysfs-'));
  const put = async (file: string, text: string): Promise<void> => {
    await mkdir(path.dirname(`${sys}/${file}`), { recursive: true });
    await writeFile(`${sys}/${file}`, text);
  };
  await put('devices/pci0/uevent', 'DRIVER=nvme\nMODALIAS=pci:a\n');
  await put('devices/pci0/modalias', 'pci:a\n');
  await put('devices/pci0/child/modalias', 'nvme:b\n');
  await put('devices/acpi/uevent', 'MODALIAS=acpi:A:\nMODALIAS=of:Nb\n');
  await put('devices/mmc/uevent', 'MMC_TYPE=SD\nMODALIAS=mmc:block\n');
  await put('devices/plain/uevent', 'DEVTYPE=x\n');
  await put('devices/empty/modalias', '\n');
  await put('bus/pci/drivers/nvme/module', '');
  await symlink('../../bus/pci/drivers/nvme', `${sys}/devices/pci0/driver`);
  await symlink('..', `${sys}/devices/pci0/subsystem`);
  await mkdir(`${sys}/bus/pci/devices`);
  await symlink('../../../devices/pci0', `${sys}/bus/pci/devices/0000:00`);
  for (let at = 0; at < 200; at++) await put(`devices/many/${at}/modalias`, `usb:${at}\n`);
});
afterAll(() => rm(sys, { recursive: true }));

async function all(devices: AsyncIterable<Device>): Promise<Map<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for await (const { path: at, aliases } of devices) found.set(path.relative(sys, at), aliases);
  return found;
}

describe('the devices in sysfs', () => {
  it('have every alias of their files, each once, and links are not followed', async () => {
    const found = await all(sysfsDevices(sys).all());
    expect([...found].filter(([name]) => !name.includes('many'))).toEqual([
      ['devices/acpi', ['acpi:A:', 'of:Nb']],
      ['devices/mmc', ['mmc:block']],
      ['devices/pci0', ['pci:a']],
      ['devices/pci0/child', ['nvme:b']],
    ]);
    expect(found.size).toBe(204);
  });

  it('of buses are found through the buses', async () => {
    expect([...(await all(sysfsDevices(sys).onBuses()))]).toEqual([
      ['bus/pci/devices/0000:00', ['pci:a']],
    ]);
  });

  it('have a driver, or none', () => {
    const devices = sysfsDevices(sys);
    expect(devices.driverOf(`${sys}/devices/pci0`)).toBe('nvme');
    expect(devices.driverOf(`${sys}/bus/pci/devices/0000:00`)).toBe('nvme');
    expect(devices.driverOf(`${sys}/devices/acpi`)).toBeUndefined();
  });

  it('let other work have its turn during a walk', async () => {
    let turns = 0;
    const count = (): void => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    await all(sysfsDevices(sys).all());
    clearImmediate(timer);
    expect(turns).toBeGreaterThan(1);
  });

  it.each(['', '/masked'])('are missed where sysfs is not mounted: %j', async (name) => {
    const dir = await mkdtemp(path.join(tmpdir(), 'kios-masked-'));
    if (name === '') await mkdir(`${dir}/devices`);
    expect(() => requireSysfs(`${dir}${name}`)).toThrow(
      expect.objectContaining({ code: 'KIOS_SYSFS', exitCode: 71 }),
    );
    expect(await all(sysfsDevices(`${dir}${name}`).all())).toEqual(new Map());
    await rm(dir, { recursive: true });
  });

  it('of this machine are found', async () => {
    expect(() => requireSysfs()).not.toThrow();
    expect((await all(sysfsDevices().all())).size).toBeGreaterThan(0);
  });
});
