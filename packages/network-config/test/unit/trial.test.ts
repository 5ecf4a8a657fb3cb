import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { accept, type FileText, type Found, judge, type Judgement } from '../../src/trial.ts';

const LIMIT = 120_000;

const found = (text: FileText, more: Partial<Found> = {}): Found => ({
  text,
  digest: `digest of ${text ?? 'nothing'}`,
  bootId: 'boot 1',
  now: 1000,
  limit: LIMIT,
  ...more,
});

describe('a network file', () => {
  it('counts at once on a node that never had another', () => {
    expect(judge(undefined, found('a'))).toEqual({
      inForce: 'a',
      judgement: { good: 'a' },
      outcome: 'good',
    });
  });

  it('is on trial when it has changed, and good once the cluster was reached', () => {
    const { inForce, outcome, judgement } = judge({ good: 'a' }, found('b'));
    expect([inForce, outcome]).toEqual(['b', 'trial']);
    expect(judgement).toMatchObject({ good: 'a', trial: { deadline: 1000 + LIMIT } });
    expect(judge(accept('b'), found('b')).outcome).toBe('good');
  });

  it('keeps its deadline when the agent starts again', () => {
    const { judgement } = judge({ good: 'a' }, found('b'));
    const again = judge(judgement, found('b', { now: 90_000 }));
    expect(again.judgement.trial?.deadline).toBe(1000 + LIMIT);
  });

  it('is taken back at its deadline, and not tried again', () => {
    const { judgement } = judge({ good: 'a' }, found('b'));
    const late = judge(judgement, found('b', { now: 1000 + LIMIT }));
    expect([late.inForce, late.outcome]).toEqual(['a', 'taken-back']);
    const later = judge(late.judgement, found('b', { now: 900_000, bootId: 'boot 2' }));
    expect([later.inForce, later.outcome]).toEqual(['a', 'refused']);
  });

  it('is taken back when the machine was started anew before the cluster was reached', () => {
    const { judgement } = judge({ good: 'a' }, found('b'));
    expect(judge(judgement, found('b', { bootId: 'boot 2' })).outcome).toBe('taken-back');
  });

  it('is tried when it changes after it was taken back, and forgotten when the good one is back', () => {
    const refused: Judgement = { good: 'a', refused: 'digest of b' };
    expect(judge(refused, found('c')).outcome).toBe('trial');
    expect(judge(refused, found('a')).judgement).toEqual({ good: 'a' });
  });

  it('may be none, which counts as a change too', () => {
    const removed = judge({ good: 'a' }, found(undefined));
    expect([removed.inForce, removed.outcome]).toEqual([undefined, 'trial']);
    const added = judge({ good: undefined }, found('a'));
    expect([added.inForce, added.judgement.good]).toEqual(['a', undefined]);
  });

  it('is never in force longer than its time without the cluster, whatever happens', () => {
    const step = fc.record({
      text: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
      bootId: fc.constantFrom('boot 1', 'boot 2'),
      pass: fc.integer({ min: 0, max: LIMIT }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let judgement: Judgement | undefined = { good: 'good' };
        let now = 0;
        let since: { text: FileText; at: number } | undefined;
        const longest: number[] = [0];
        for (const { text, bootId, pass } of steps) {
          now += pass;
          const verdict = judge(judgement, found(text, { bootId, now }));
          ({ judgement } = verdict);
          expect(judgement.good).toBe('good');
          const { inForce } = verdict;
          if (inForce !== since?.text || since === undefined) since = { text: inForce, at: now };
          if (inForce !== 'good') longest.push(now - since.at);
        }
        expect(Math.max(...longest)).toBeLessThan(LIMIT);
      }),
    );
  });
});
