import { describe, expect, it } from 'vitest';

import { decideStep, type Pending } from '../../../src/core/clock/step.ts';

const FLOOR = Date.parse('2026-11-01T00:00:00Z');
const DAY = 24 * 3600;
const LEASED = '192.0.2.1';
const PUBLIC = '203.0.113.1';
const rules = { threshold: 0.1, floor: FLOOR, isLeased: (source: string) => source === LEASED };

/** A lease that names all servers of its network. */
const isInLease = (source: string): boolean => source.startsWith('192.0.2.');

/** An offset of the leased source, seen at a clock that is a day past the floor. */
const pending = (offset: number, more: Partial<Pending> = {}): Pending => ({
  tracking: { source: LEASED, stratum: 2, offset },
  measurements: [],
  now: FLOOR + DAY * 1000,
  waited: 0,
  ...more,
});
/** A source that is some seconds ahead of the time after the step. */
const measured = (source: string, offset: number, isReachable = true) => ({
  source,
  offset,
  isReachable,
});
const decide = (offset: number, more?: Partial<Pending>): string =>
  decideStep(pending(offset, more), rules).do;

describe('decideStep', () => {
  it.each([0, 0.1, -0.1])('slews %d s', (offset) => expect(decide(offset)).toBe('nothing'));

  it('does nothing while chronyd follows no source', () => {
    const tracking = { source: undefined, stratum: 0, offset: 500 };
    expect(decide(0, { tracking })).toBe('nothing');
  });

  it.each([0.2, -0.2, 900, -900])('steps by %d s', (offset) => expect(decide(offset)).toBe('step'));

  it.each([
    ['before the floor', -DAY - 1],
    ['in the last century', -40 * 365 * DAY],
    ['more than twenty years after the floor', 21 * 365 * DAY],
    ['at no date at all', 1e30],
  ])('refuses a source whose time is %s, were it the only one', (_, offset) => {
    expect(decideStep(pending(offset), rules)).toMatchObject({ do: 'refuse', sources: [LEASED] });
    expect(decide(offset, { measurements: undefined })).toBe('measure');
    const tracking = { source: PUBLIC, stratum: 2, offset };
    expect(decide(0, { tracking })).toBe('refuse');
  });

  it('refuses all that lie alike at once, since chronyd would follow them next', () => {
    const offset = -40 * 365 * DAY;
    const measurements = [
      measured(LEASED, 0),
      measured('192.0.2.2', 60),
      measured('192.0.2.3', 0, false),
      measured(PUBLIC, -offset),
    ];
    const sources = [LEASED, '192.0.2.2'];
    expect(decideStep(pending(offset, { measurements }), rules)).toMatchObject({ sources });
  });

  it('steps by a reference clock, which has no address', () => {
    const tracking = { source: 'PHC0', stratum: 3, offset: 90 * DAY };
    expect(decide(0, { tracking })).toBe('step');
  });

  it('takes a large step from a source that no lease named', () => {
    const tracking = { source: PUBLIC, stratum: 2, offset: 90 * DAY };
    expect(decide(0, { tracking })).toBe('step');
  });

  describe('a large step from a source that only a lease named', () => {
    const offset = 90 * DAY;

    it('needs the measurements of all sources, which no other decision needs', () => {
      expect(decide(offset, { measurements: undefined })).toBe('measure');
      for (const other of [0.1, 900])
        expect(decide(other, { measurements: undefined })).toBe(decide(other));
      const tracking = { source: PUBLIC, stratum: 2, offset };
      expect(decide(0, { tracking, measurements: undefined })).toBe('step');
    });

    it('needs another source with that time', () => {
      expect(decide(offset, { measurements: [measured(PUBLIC, 1)] })).toBe('step');
      expect(decide(offset, { measurements: [measured(PUBLIC, -10)] })).toBe('step');
    });

    it('is refused when the others have another time', () => {
      expect(decide(offset, { measurements: [measured(PUBLIC, -offset)] })).toBe('refuse');
      expect(decide(offset, { measurements: [measured(PUBLIC, 11)] })).toBe('refuse');
    });

    it('is refused to all leased sources that agree with it', () => {
      const measurements = [
        measured(LEASED, 0),
        measured('192.0.2.2', 1),
        measured('192.0.2.3', -offset),
        measured(PUBLIC, -offset),
      ];
      const generous = { ...rules, isLeased: isInLease };
      expect(decideStep(pending(offset, { measurements }), generous)).toMatchObject({
        sources: [LEASED, '192.0.2.2'],
      });
    });

    it('waits for the others, but not for ever', () => {
      const measurements = [measured(LEASED, 0), measured(PUBLIC, 0, false)];
      expect(decide(offset, { measurements })).toBe('wait');
      expect(decide(offset, { measurements, waited: 14_000 })).toBe('wait');
      expect(decide(offset, { measurements, waited: 15_000 })).toBe('step');
    });

    it('does not wait where there are no others', () => {
      expect(decide(offset, { measurements: [measured(LEASED, 0)] })).toBe('step');
    });
  });
});
