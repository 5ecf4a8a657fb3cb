import { describe, expect, it } from 'vitest';

import { planGrowth, remedyFor, splitDevice, type Volume } from '../../src/core/growth/plan.ts';

const GIB = 2 ** 30;
const volume = (changes: Partial<Volume>): Volume => ({
  type: 0xef53,
  blockBytes: 4096,
  bytes: GIB - 53_039_104,
  deviceBytes: 64 * GIB,
  ...changes,
});

describe('the plan', () => {
  it.each([
    ['a disk that grew', {}, { blocks: 16 * 2 ** 20 }],
    ['an odd end', { deviceBytes: GIB + 4096 + 512 }, { blocks: 2 ** 18 + 1 }],
    ['small blocks', { blockBytes: 1024 }, { blocks: 64 * 2 ** 20 }],
    ['more than 16 TiB', { deviceBytes: 2 ** 45 }, { blocks: 2 ** 33 }],
  ])('asks for all whole blocks of %s', (_, changes, plan) =>
    expect(planGrowth(volume(changes))).toEqual(plan),
  );

  it.each([
    ['state in RAM', { deviceBytes: undefined }, 'all state is in RAM'],
    ['another file system', { type: 0x01021994 }, 'it is not ext4'],
    ['a partition that is no larger', { deviceBytes: GIB / 2 }, 'it has the size of its partition'],
  ])('skips %s', (_, changes, skip) => expect(planGrowth(volume(changes))).toEqual({ skip }));
});

describe('a device number', () => {
  it.each([
    [2050n, 8, 2],
    [305201989n, 259, 0x12345],
    [17592186045191n, 0x1003, 7],
  ])('%i is split as the C library does', (device, major, minor) =>
    expect(splitDevice(device)).toEqual({ major, minor }),
  );
});

it('says what to do when the kernel refuses', () => {
  expect(remedyFor('EPERM')).toContain('SYS_RESOURCE');
  expect(remedyFor('EROFS')).toContain('right to write');
  expect(remedyFor('EIO')).toContain('old size');
});
