import { errorCode } from '@kios/errors';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encodeGpt } from '../../../../src/build/formats/gpt.ts';
import { deviceError } from '../../../../src/media/device/device-error.ts';
import { verifyImage } from '../../../../src/media/flash/verify.ts';
import { type Stage, writeImage } from '../../../../src/media/flash/write.ts';
import { HEAD, MIB } from '../../../../src/media/units.ts';
import { type Faults, MemoryDevice, type Operation } from '../../../support/media/memory-device.ts';
import { openImage } from '../../../support/media/open-image.ts';
import { noise, smallImage } from '../../../support/media/small-image.ts';

const image = smallImage(5, 2);
const LARGER = image.bytes.length + 3 * MIB + 512;
/** The image as it belongs on the larger disk, made by the build's own code. */
const wanted = ((): Buffer => {
  const { start, end } = encodeGpt({ ...image.layout, bytes: LARGER });
  const disk = Buffer.alloc(LARGER);
  image.bytes.copy(disk, 0, 0, image.bytes.length - end.length);
  start.copy(disk);
  end.copy(disk, LARGER - end.length);
  return disk;
})();

const old = noise(LARGER, 'old');

/** A disk that was in use before: full of other data, with partition tables at both ends. */
function usedDisk(bytes = LARGER): Buffer {
  const disk = Buffer.from(old.subarray(0, bytes));
  const { start, end } = encodeGpt({ ...image.layout, bytes });
  start.copy(disk);
  end.copy(disk, bytes - end.length);
  return disk;
}

interface Run {
  readonly device: MemoryDevice;
  readonly stages: Stage[];
  readonly outcome: unknown;
}

async function flash(
  faults: Faults = {},
  { bytes = image.bytes, disk = usedDisk(), signal = new AbortController().signal } = {},
): Promise<Run> {
  const device = new MemoryDevice(disk, faults);
  const stages: Stage[] = [];
  const outcome = await writeImage(device, openImage(bytes), {
    signal,
    stage: async (name, _, work) => {
      stages.push(name);
      await work(() => {});
    },
  }).catch((error: unknown) => error);
  return { device, stages, outcome };
}

const verify = (device: MemoryDevice): Promise<number> =>
  verifyImage(device, openImage(image.bytes), {
    signal: new AbortController().signal,
    done: () => {},
  });

/** Operations after which the old tables are gone for good. */
const CLEARING = 3;

/** Whether firmware or Linux finds a partition table at either end. */
const hasTable = (disk: Buffer): boolean =>
  disk.toString('latin1', 512, 520) === 'EFI PART' ||
  disk.toString('latin1', disk.length - 512, disk.length - 504) === 'EFI PART' ||
  disk.readUInt16LE(510) === 0xaa55;

/** What follows the head: a table may be there only when all of it is right. */
const bodyIsRight = (disk: Buffer): boolean =>
  disk.subarray(HEAD, image.bytes.length).equals(wanted.subarray(HEAD, image.bytes.length));

const isHonest = (disk: Buffer): boolean => !hasTable(disk) || bodyIsRight(disk);

it('writes the image, zeros where it is zero, and one second table, at the real end', async () => {
  const { device, stages, outcome } = await flash();
  expect(outcome).toBe(image.bytes.length);
  expect(stages).toEqual(['clear', 'write', 'check', 'finish']);
  expect(
    device.medium.subarray(0, image.bytes.length).equals(wanted.subarray(0, image.bytes.length)),
  ).toBe(true);
  const end = encodeGpt({ ...image.layout, bytes: LARGER }).end;
  expect(device.medium.subarray(-end.length).equals(end)).toBe(true);
  expect(await verify(device)).toBe(image.bytes.length);
});

it('a disk of the image’s size holds the image itself', async () => {
  const { device } = await flash({}, { disk: usedDisk(image.bytes.length) });
  expect(device.medium.equals(image.bytes)).toBe(true);
  expect(await verify(device)).toBe(image.bytes.length);
});

it('a disk that is larger by less than a table holds one second table too', async () => {
  const bytes = image.bytes.length + 5 * 512;
  const { device, outcome } = await flash({}, { disk: usedDisk(bytes) });
  expect(outcome).toBe(image.bytes.length);
  expect(await verify(device)).toBe(image.bytes.length);
  const { end } = encodeGpt({ ...image.layout, bytes });
  expect(device.medium.subarray(-end.length).equals(end)).toBe(true);
});

it('an image with a table of the old kind stays as it is', async () => {
  const bytes = noise(5 * MIB + 512, 'mbr');
  bytes.fill(0, 446, 510);
  bytes[450] = 0x0c;
  bytes.writeUInt32LE(2048, 454);
  bytes.writeUInt32LE(8192, 458);
  bytes.writeUInt16LE(0xaa55, 510);
  bytes.fill(0, 512, 1024);
  const { device, outcome } = await flash({}, { bytes });
  expect(outcome).toBe(bytes.length);
  expect(device.medium.subarray(0, bytes.length).equals(bytes)).toBe(true);
});

describe('names the fault:', () => {
  /** A byte in the last MiB of the first partition, which holds noise. */
  const AT = image.layout.partitions[0]!.offset + image.layout.partitions[0]!.bytes - 5000;
  const page = AT - (AT % 4096);

  it('writes that the medium drops silently, told by the first one', async () => {
    const { device, outcome } = await flash({
      store: (at, data) => (at >= 4 * MIB && at < 8 * MIB ? undefined : { at, data }),
    });
    expect(outcome).toMatchObject({
      code: 'KIOS_FLASH_VERIFY',
      message: `verify /dev/fake: it differs from the image from byte ${4 * MIB} on, in partition kios-esp`,
    });
    expect(hasTable(device.medium)).toBe(false);
  });

  it('one flipped bit, told by its page', async () => {
    const { device, outcome } = await flash({
      store: (at, data) => {
        if (at > AT || at + data.length <= AT) return { at, data };
        const flipped = Buffer.from(data);
        flipped[AT - at]! ^= 0x10;
        return { at, data: flipped };
      },
    });
    expect(outcome).toMatchObject({
      code: 'KIOS_FLASH_VERIFY',
      message: `verify /dev/fake: it differs from the image from byte ${page} on, in partition kios-esp`,
    });
    expect(hasTable(device.medium)).toBe(false);
  });

  it('a flipped bit in the head, which is taken back', async () => {
    const { device, outcome } = await flash({
      store: (at, data) => {
        if (at !== 512 || data.every((byte) => byte === 0)) return { at, data };
        return { at, data: Buffer.from(data).fill(1, 100, 101) };
      },
    });
    expect(outcome).toMatchObject({
      message: 'verify /dev/fake: it differs from the image from byte 0 on, in the partition table',
    });
    expect(hasTable(device.medium)).toBe(false);
  });

  it('a medium that holds less than it says and begins again at its start', async () => {
    const real = 7 * MIB;
    const { outcome } = await flash({ store: (at, data) => ({ at: at % real, data }) });
    expect(outcome).toMatchObject({ code: 'KIOS_FLASH_VERIFY' });
  });

  it('a reader that reads differently each time', async () => {
    let reads = 0;
    const device = new MemoryDevice(Buffer.from(wanted));
    device.digest = async () => String((reads += 1));
    await expect(verify(device)).rejects.toThrow('read differently each time');
  });

  it.each([
    ['gone', 'KIOS_FLASH_GONE'],
    ['full', 'KIOS_FLASH_FULL'],
    ['io', 'KIOS_FLASH_IO'],
  ] as const)('a device that is %s at any operation', async (fault, code) => {
    for (let failing = 0; ; failing += 1) {
      let count = 0;
      let hit: Operation | undefined;
      const { device, outcome } = await flash({
        before: (operation) => {
          count += 1;
          if (count <= failing) return;
          hit ??= operation;
          throw deviceError(fault, `${operation} /dev/fake`, fault);
        },
      });
      if (hit === undefined) break;
      expect(outcome).toMatchObject({ code, message: `${hit} /dev/fake: ${fault}` });
      expect(failing < CLEARING || isHonest(device.medium)).toBe(true);
    }
  });
});

describe('an image that is not whole is named, and leaves nothing that starts:', () => {
  it.each([
    [
      'cut short',
      image.bytes.subarray(0, 7 * MIB),
      `it ends after ${7 * MIB} of ${image.bytes.length} bytes`,
    ],
    ['cut in a sector', image.bytes.subarray(0, 7 * MIB + 7), 'in the middle of a sector'],
    ['too long', Buffer.concat([image.bytes, Buffer.alloc(512)]), 'it goes on after'],
  ])('%s', async (_, bytes, fault) => {
    const { device, outcome } = await flash({}, { bytes });
    expect(outcome).toMatchObject({ code: 'KIOS_FLASH_IMAGE' });
    expect(String(outcome)).toContain(fault);
    expect(hasTable(device.afterPowerCut(() => true))).toBe(false);
  });
});

describe('nothing starts from a medium whose flash was not finished:', () => {
  it('interrupted at any operation', async () => {
    for (let limit = 0; ; limit += 1) {
      const stop = new AbortController();
      let count = 0;
      const { device, outcome } = await flash(
        { before: () => void (count++ === limit && stop.abort()) },
        { signal: stop.signal },
      );
      if (!stop.signal.aborted) break;
      const now = device.afterPowerCut(() => true);
      expect(isHonest(now)).toBe(true);
      const verdict = await verify(new MemoryDevice(now)).catch((error: unknown) =>
        errorCode(error),
      );
      expect(verdict).toBe(outcome === image.bytes.length ? outcome : 'KIOS_FLASH_UNFINISHED');
    }
  });

  it('after a power cut at any operation, whichever cached sectors survive', async () => {
    let whole = 0;
    await flash({ before: () => void (whole += 1) });
    const survivals = fc.infiniteStream(fc.boolean());
    for (let cut = CLEARING; cut < whole; cut += 1) {
      const { device } = await flash({
        before: ((count) => () => {
          if (count++ >= cut) throw deviceError('gone', 'write /dev/fake', 'power cut');
        })(0),
      });
      fc.assert(
        fc.property(survivals, (survives) => {
          const left = device.afterPowerCut(() => survives.next().value === true);
          const isCleared = left.subarray(0, HEAD).every((byte) => byte === 0);
          expect(isHonest(left) && (isCleared || bodyIsRight(left))).toBe(true);
        }),
        { numRuns: 4 },
      );
    }
  });
});

describe('--verify', () => {
  it('tells that a node has booted from the medium', async () => {
    const { start, end } = encodeGpt({
      ...image.layout,
      guid: '11223344-5566-4788-99aa-bbccddeeff00',
      bytes: LARGER,
    });
    const booted = Buffer.from(wanted);
    start.copy(booted);
    end.copy(booted, LARGER - end.length);
    await expect(verify(new MemoryDevice(booted))).rejects.toThrow('a node has started from it');
  });

  it('tells a wrong second table', async () => {
    const stale = Buffer.from(wanted);
    stale[LARGER - 512 + 60]! ^= 1;
    await expect(verify(new MemoryDevice(stale))).rejects.toThrow('in no partition');
  });

  it('tells another system on the medium', async () => {
    await expect(verify(new MemoryDevice(noise(LARGER)))).rejects.toThrow(
      'it differs from the image from byte 0 on, in the partition table',
    );
  });
});
