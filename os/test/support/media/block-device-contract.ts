import { createHash } from 'node:crypto';

import { expect, it } from 'vitest';

import type { BlockDevice } from '../../../src/media/device/block-device.ts';
import { BLOCK } from '../../../src/media/units.ts';
import { noise } from './small-image.ts';

/** Bytes of the device under test: no whole number of blocks. */
export const CONTRACT_BYTES = 2 * BLOCK + 3 * 512;

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** What every block device does, the fake of the tests and a real one alike. */
export function blockDeviceContract(open: () => Promise<BlockDevice>): void {
  it('knows its size', async () => {
    await using device = await open();
    expect(device.bytes).toBe(CONTRACT_BYTES);
  });

  it('reads what was written: at any sector, over several blocks, up to the last byte', async () => {
    await using device = await open();
    const data = noise(CONTRACT_BYTES - 512);
    await device.write(512, data);
    await device.flush();
    expect((await device.read(512, data.length)).equals(data)).toBe(true);
    expect(await device.digest(512, data.length)).toBe(sha256(data));
    expect((await device.read(1024, 512)).equals(data.subarray(512, 1024))).toBe(true);
  });

  it('keeps what lies beside a write', async () => {
    await using device = await open();
    const [before, after] = [noise(4096, 'before'), noise(512, 'after')];
    await device.write(0, before);
    await device.write(1024, after);
    after.copy(before, 1024);
    expect((await device.read(0, 4096)).equals(before)).toBe(true);
  });

  it('writes zeros over anything, over several blocks', async () => {
    await using device = await open();
    await device.write(0, noise(CONTRACT_BYTES));
    await device.zero(512, CONTRACT_BYTES - 1024);
    const found = await device.read(0, CONTRACT_BYTES);
    expect(found.subarray(512, -512).every((byte) => byte === 0)).toBe(true);
    expect(found.subarray(0, 512).equals(noise(512))).toBe(true);
  });

  it('tells by a code that it is full, or ends, and works on', async () => {
    await using device = await open();
    const full = { code: 'KIOS_FLASH_FULL' };
    await expect(device.write(CONTRACT_BYTES - 512, Buffer.alloc(1024))).rejects.toMatchObject(
      full,
    );
    await expect(device.zero(CONTRACT_BYTES, 512)).rejects.toMatchObject(full);
    await expect(device.digest(CONTRACT_BYTES, 512)).rejects.toMatchObject(full);
    await expect(device.read(CONTRACT_BYTES - 512, 1024)).rejects.toMatchObject(full);
    await device.write(0, noise(512, 'alive'));
    expect((await device.read(0, 512)).equals(noise(512, 'alive'))).toBe(true);
  });
}
