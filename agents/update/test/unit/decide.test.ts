import { formatTurn, REQUESTS, TURN, type Turn } from '@kios/node-turn';
import { describe, expect, it } from 'vitest';

import { decide, learnFailures, learnTold, type Seen } from '../../src/core/pass/decide.ts';
import {
  digestIn,
  forgive,
  isForgiven,
  NO_MEMORY,
  noteFailure,
  noteStaged,
  parseMemory,
  formatMemory,
  remember,
} from '../../src/core/pass/memory.ts';
import { askFor, bootedFor, requestFor, withdraw } from '../../src/core/pass/request.ts';
import { BOOT, NEW, OLD, OTHER, seen, slots, update } from '../support/given.ts';

const staged = (changes = {}) =>
  noteStaged(NO_MEMORY, { generation: 2, digest: NEW, bootId: BOOT, isReady: true, ...changes });

const turn = (changes: Partial<Turn> = {}): Turn => ({
  v: 1,
  action: 'reboot',
  request: JSON.stringify({ update: NEW }),
  phase: 'stopping',
  since: '2026-11-28T10:00:00.000Z',
  cordoned: true,
  bootId: 'boot-1',
  ...changes,
});

const ofBoard = (initramfs?: string): Partial<Seen> => ({
  arch: 'arm64',
  slots: slots({ board: 'rpi4' }),
  record: {
    ...seen().record,
    arch: 'arm64',
    ...(initramfs === undefined
      ? {}
      : { boards: { rpi4: { initramfs8: { sha256: initramfs, bytes: 5, offset: 9 } } } }),
  },
});

describe('on a board', () => {
  it('a system is known by its initramfs, and staged and asked for like any', () => {
    const { act, report } = decide(seen({ ...ofBoard(OTHER), memory: staged({ digest: OTHER }) }));
    expect([act, report.state, report.digest]).toEqual(['ask', 'staged', OTHER]);
    expect(decide(seen(ofBoard(OTHER))).act).toBe('stage');
    expect(decide(seen({ ...ofBoard(OTHER), running: OTHER })).report.state).toBe('current');
  });

  it('an image without its files is refused, before anything is written', () => {
    const { act, report } = decide(seen(ofBoard()));
    expect([act, report.state, report.code]).toEqual(['rest', 'refused', 'KIOS_UPDATE_BOARD']);
    expect(report.message).toContain('its image has nothing that the board rpi4 starts');
  });
});

describe('what is done next', () => {
  it.each<[string, Partial<Seen>, string, string, string | undefined]>([
    ['a system that the node has not', {}, 'stage', 'staging', undefined],
    ['one that is on the medium', { memory: staged() }, 'ask', 'staged', undefined],
    [
      'one that was being written',
      { memory: staged({ isReady: false }) },
      'stage',
      'staging',
      undefined,
    ],
    [
      'one staged before the last boot',
      { memory: staged({ bootId: 'boot-1' }) },
      'stage',
      'staging',
      undefined,
    ],
    ['another one is staged', { memory: staged({ digest: OTHER }) }, 'stage', 'staging', undefined],
    ['one that runs', { running: NEW }, 'rest', 'current', undefined],
    [
      'one that runs while another one is staged',
      { running: NEW, memory: staged({ digest: OTHER }) },
      'unstage',
      'current',
      undefined,
    ],
    [
      'one that runs on trial',
      { running: NEW, slots: slots({ state: 'trial' }) },
      'rest',
      'trial',
      undefined,
    ],
    [
      'while another one is on trial',
      { slots: slots({ state: 'trial' }) },
      'rest',
      'refused',
      'KIOS_UPDATE_TRIAL',
    ],
    [
      'one that has failed',
      { memory: noteFailure(NO_MEMORY, NEW, 'w') },
      'rest',
      'failed',
      'KIOS_UPDATE_FAILED',
    ],
    ['one of another architecture', { arch: 'arm64' }, 'rest', 'refused', 'KIOS_UPDATE_ARCH'],
    [
      'one that would not open the encrypted data partition',
      { slots: slots({ encrypted: true }) },
      'rest',
      'refused',
      'KIOS_UPDATE_MEASURED',
    ],
    [
      'a machine that was started otherwise',
      { slots: slots({ managed: false, reason: 'netboot' }) },
      'rest',
      'refused',
      'KIOS_UPDATE_UNMANAGED',
    ],
  ])('%s', (_, changes, act, state, code) => {
    const decision = decide(seen(changes));
    expect([decision.act, decision.report.state, decision.report.code]).toEqual([act, state, code]);
  });

  it('takes a system that was built to open the encrypted data partition', () => {
    const record = { ...seen().record, measured: { key: 'of the builder' } };
    expect(decide(seen({ record, slots: slots({ encrypted: true }) })).act).toBe('stage');
  });

  it('tells the order that it answers, and what runs', () => {
    expect(decide(seen({ order: 'x', memory: staged() })).report).toEqual(update({ order: 'x' }));
    expect(decide(seen({ running: undefined })).report.running).toBeUndefined();
  });
});

const failures = (changes: Partial<Seen>) =>
  learnFailures(seen(changes)).failed.map(({ digest }) => digest);

describe('what has failed is known', () => {
  it('is not a system on trial whose medium init cannot read', () => {
    const unreadable = slots({ managed: false, state: 'trial', reason: 'the medium' });
    const changes = { annotations: { [TURN]: formatTurn(turn()) }, slots: unreadable };
    expect(failures({ ...changes, running: undefined })).toEqual([]);
    expect(decide(seen({ ...changes, running: undefined })).report).toMatchObject({
      state: 'refused',
      trial: true,
      failed: [],
    });
  });

  it('from init', () =>
    expect(
      failures({ failed: NEW, slots: slots({ failed: { generation: 2, why: 'w' } }) }),
    ).toEqual([NEW]));

  it('from what this agent has told before, when its memory is gone', () =>
    expect(learnTold(NO_MEMORY, [OTHER]).failed).toMatchObject([{ digest: OTHER }]));

  it('until it runs, confirmed', () => {
    const memory = noteFailure(noteFailure(NO_MEMORY, NEW, 'w'), OTHER, 'w');
    expect(failures({ memory, running: NEW })).toEqual([OTHER]);
    expect(failures({ memory, running: NEW, slots: slots({ state: 'trial' }) })).toHaveLength(2);
  });

  it('from a turn that ended in another system', () => {
    const annotations = { [TURN]: formatTurn(turn()) };
    expect(failures({ annotations })).toEqual([NEW]);
    expect(failures({ annotations, running: NEW })).toEqual([]);
    expect(failures({ annotations, slots: slots({ state: 'trial' }) })).toEqual([]);
    expect(failures({ annotations, running: undefined })).toEqual([NEW]);
    const unmanaged = slots({ managed: false, running: 0 });
    expect(failures({ annotations, running: undefined, slots: unmanaged })).toEqual([NEW]);
  });

  it('and nothing of a turn before its boot, or of one that is over', () => {
    expect(bootedFor({ [TURN]: formatTurn(turn({ bootId: BOOT })) }, BOOT)).toBeUndefined();
    expect(bootedFor({ [TURN]: formatTurn(turn({ phase: 'failed' })) }, BOOT)).toBeUndefined();
  });
});

describe('asking for the reboot', () => {
  const NOW = Date.parse('2026-11-28T10:10:00.000Z');
  const text = requestFor(NEW, { maxUnavailable: 2, drainSeconds: 0 });
  const reboot = REQUESTS.reboot;

  it('says which system it is for', () =>
    expect(JSON.parse(text)).toEqual({ update: NEW, maxUnavailable: 2 }));

  it('is done once, and again half an hour after a turn that failed', () => {
    expect(askFor({}, text, NOW)).toEqual({ [reboot]: text });
    expect(askFor({ [reboot]: text }, text, NOW)).toEqual({});
    const failed = { [TURN]: formatTurn(turn({ request: text, phase: 'failed' })) };
    expect(askFor(failed, text, NOW)).toEqual({});
    expect(askFor(failed, text, NOW + 21 * 60_000)).toEqual({ [reboot]: text });
  });

  it('waits as long after agents have refused it, as those that do not know of updates', () => {
    const refused = { [TURN]: formatTurn(turn({ request: '', phase: 'failed' })) };
    expect(askFor(refused, text, NOW)).toEqual({});
    expect(askFor(refused, text, NOW + 21 * 60_000)).toEqual({ [reboot]: text });
  });

  it('takes the place of an older request of its own, and of nothing that a person asked for', () => {
    const own = requestFor(OTHER, { maxUnavailable: 0, drainSeconds: 0 });
    expect(askFor({ [reboot]: own }, text, NOW)).toEqual({ [reboot]: text });
    expect(askFor({ [reboot]: 'now' }, text, NOW)).toEqual({});
    expect(askFor({ [REQUESTS.poweroff]: 'now' }, text, NOW)).toEqual({});
  });

  it('is taken back, unless the node stops already or a person has asked', () => {
    expect(withdraw({ [reboot]: text })).toEqual({ [reboot]: null });
    expect(withdraw({ [reboot]: 'now' })).toEqual({});
    expect(withdraw({ [reboot]: text, [TURN]: formatTurn(turn({ request: text })) })).toEqual({});
    expect(withdraw({})).toEqual({});
  });
});

describe('the memory', () => {
  it('is read as it was written, and none when it is damaged', () => {
    const memory = remember(staged(), 1, OLD);
    expect(parseMemory(formatMemory(memory))).toEqual(memory);
    expect(parseMemory('{"v":1')).toEqual(NO_MEMORY);
    expect(parseMemory(undefined)).toEqual(NO_MEMORY);
  });

  it('keeps the last systems and failures, each once', () => {
    let memory = NO_MEMORY;
    for (let generation = 1; generation <= 20; generation++)
      memory = noteFailure(remember(memory, generation, OLD), OTHER, 'w');
    expect(memory.systems.map(({ generation }) => generation)).toEqual([
      13, 14, 15, 16, 17, 18, 19, 20,
    ]);
    expect(memory.failed).toHaveLength(1);
    expect(digestIn(memory, 20)).toBe(OLD);
    expect(digestIn(memory, undefined)).toBeUndefined();
  });

  it('forgives what a person lets the node try again, for this boot', () => {
    const memory = forgive(noteFailure(NO_MEMORY, NEW, 'w'), 2, BOOT);
    expect(memory.failed).toEqual([]);
    expect(isForgiven(memory, 2, BOOT)).toBe(true);
    expect(isForgiven(memory, 2, 'boot-3')).toBe(false);
    expect(isForgiven(NO_MEMORY, undefined, BOOT)).toBe(false);
  });
});
