import { PassThrough } from 'node:stream';

import { describe } from 'vitest';

import { connectDevice } from '../../../../src/media/device/client.ts';
import { serveDevice } from '../../../../src/media/device/server.ts';
import {
  blockDeviceContract,
  CONTRACT_BYTES,
} from '../../../support/media/block-device-contract.ts';
import { MemoryDevice } from '../../../support/media/memory-device.ts';

const fake = (): MemoryDevice => new MemoryDevice(Buffer.alloc(CONTRACT_BYTES));

describe('the fake of the tests', () => {
  blockDeviceContract(async () => fake());
});

describe('a device at the other end of a pipe', () => {
  blockDeviceContract(async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const device = fake();
    const served = serveDevice(input, output, async () => device);
    return connectDevice(device.disk, 'write', { input, output, ended: () => served });
  });
});
