import { describe } from 'vitest';

import { keepsContract } from '../../support/chronyd-contract.ts';
import { FakeChronyd } from '../../support/fake-chronyd.ts';

describe('the chronyd of unit tests', () => {
  keepsContract(async () => {
    const chronyd = new FakeChronyd();
    chronyd.canStep = false;
    const setSources = async (addresses: readonly string[]): Promise<void> => {
      chronyd.files = addresses;
      return Promise.resolve();
    };
    return Promise.resolve({ chronyd, setSources });
  });
});
