import type { SlotsState } from '@kios/node-state';
import type { Update } from '@kios/node-turn';

import type { BuildRecord } from '../../src/core/image/build-record.ts';
import type { Seen } from '../../src/core/pass/decide.ts';
import { NO_MEMORY } from '../../src/core/pass/memory.ts';

export const OLD = '0'.repeat(64);
export const NEW = 'f'.repeat(64);
export const OTHER = 'a'.repeat(64);
export const BOOT = 'boot-2';

export const slots = (changes: Partial<SlotsState> = {}): SlotsState => ({
  v: 1,
  managed: true,
  running: 1,
  version: '0.1.0',
  state: 'good',
  triesLeft: 0,
  good: [],
  dirty: false,
  modules: false,
  encrypted: false,
  board: '',
  failed: null,
  signers: null,
  reason: '',
  ...changes,
});

export const record = (sha256 = NEW, bytes = 5): BuildRecord => ({
  v: 1,
  version: '0.2.0',
  arch: 'amd64',
  kubernetes: 'v1.36.3',
  efi: { sha256, bytes },
});

export const seen = (changes: Partial<Seen> = {}): Seen => ({
  slots: slots(),
  bootId: BOOT,
  arch: 'amd64',
  record: record(),
  running: OLD,
  failed: undefined,
  memory: NO_MEMORY,
  annotations: {},
  order: '',
  ...changes,
});

export const update = (changes: Partial<Update> = {}): Update => ({
  v: 1,
  bootId: BOOT,
  state: 'staged',
  version: '0.2.0',
  digest: NEW,
  running: OLD,
  trial: false,
  failed: [],
  ...changes,
});
