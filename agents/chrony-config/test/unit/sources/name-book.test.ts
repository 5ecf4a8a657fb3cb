import { beforeEach, describe, expect, it } from 'vitest';

import { NameBook } from '../../../src/core/sources/name-book.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const NAME = 'ntp.example.org';
const silent = (...addresses: readonly string[]) =>
  addresses.map((source) => ({ source, isReachable: false }));
const heard = (...addresses: readonly string[]) =>
  addresses.map((source) => ({ source, isReachable: true }));

describe('NameBook', () => {
  let book: NameBook;
  beforeEach(() => {
    book = new NameBook();
  });
  const addresses = (): readonly string[] | undefined => book.addresses.get(NAME);

  it('asks for a name without an address at once, and again and again', () => {
    expect(book.due([NAME], 0)).toEqual([NAME]);
    const waits = Array.from({ length: 9 }, () => {
      book.answer(NAME, [], 0);
      return book.wait([NAME], 0);
    });
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600].map((s) => s * 1000));
    expect(book.addresses.size).toBe(0);
  });

  it('tells a failure once in an outage, and not at the start of the network', () => {
    const answers = Array.from({ length: 5 }, () => book.answer(NAME, [], 0));
    expect(answers).toEqual(['nothing', 'nothing', 'failed', 'nothing', 'nothing']);
    expect(book.answer(NAME, ['192.0.2.1'], 0)).toBe('found');
    expect(book.answer(NAME, ['192.0.2.1'], 0)).toBe('nothing');
  });

  it('keeps addresses for two weeks, however the answers rotate', () => {
    book.answer(NAME, ['192.0.2.1', '192.0.2.2'], 0);
    expect(book.due([NAME], 14 * DAY - 1)).toEqual([]);
    expect(book.wait([NAME], DAY)).toBe(13 * DAY);
    book.answer(NAME, ['192.0.2.3', '192.0.2.4'], DAY);
    expect(addresses()).toEqual(['192.0.2.1', '192.0.2.2']);
    expect(book.due([NAME], 15 * DAY)).toEqual([NAME]);
    book.answer(NAME, ['192.0.2.3', '192.0.2.4'], 15 * DAY);
    expect(addresses()).toEqual(['192.0.2.3', '192.0.2.4']);
    expect(book.wait([NAME], 15 * DAY)).toBe(14 * DAY);
  });

  it('asks again for the name of a server that has been silent for five minutes, and replaces that one', () => {
    book.answer(NAME, ['192.0.2.1', '192.0.2.2'], 0);
    book.hear([...silent('192.0.2.1'), ...heard('192.0.2.2')], MINUTE);
    book.hear([...silent('192.0.2.1'), ...heard('192.0.2.2')], 5 * MINUTE);
    expect(book.due([NAME], 5 * MINUTE)).toEqual([]);
    book.hear([...silent('192.0.2.1'), ...heard('192.0.2.2')], 6 * MINUTE);
    expect(book.due([NAME], 6 * MINUTE)).toEqual([NAME]);
    expect(book.answer(NAME, ['192.0.2.2', '192.0.2.3', '192.0.2.4'], 6 * MINUTE)).toBe(
      'addresses',
    );
    expect(addresses()).toEqual(['192.0.2.2', '192.0.2.3']);
    expect(book.wait([NAME], 6 * MINUTE)).toBe(14 * DAY);
  });

  it('asks less and less often for a server that stays silent where it is', () => {
    book.answer(NAME, ['192.0.2.1'], 0);
    book.hear(silent('192.0.2.1'), 0);
    let now = 5 * MINUTE;
    const waits = Array.from({ length: 3 }, () => {
      book.hear(silent('192.0.2.1'), now);
      expect(book.due([NAME], now)).toEqual([NAME]);
      book.answer(NAME, ['192.0.2.1'], now);
      const wait = book.wait([NAME], now) ?? 0;
      now += wait;
      return wait / MINUTE;
    });
    expect(waits).toEqual([10, 20, 40]);
    expect(addresses()).toEqual(['192.0.2.1']);
  });

  it('keeps the addresses when nobody answers for the name any more, and tells that', () => {
    book.answer(NAME, ['192.0.2.1'], 0);
    const answers = [14, 15, 16].map((day) => book.answer(NAME, [], day * DAY));
    expect(answers).toEqual(['nothing', 'nothing', 'failed']);
    expect(addresses()).toEqual(['192.0.2.1']);
  });

  it('forgets the silence of a server that answers again', () => {
    book.answer(NAME, ['192.0.2.1'], 0);
    book.hear(silent('192.0.2.1'), 0);
    book.hear(heard('192.0.2.1'), 4 * MINUTE);
    book.hear(silent('192.0.2.1'), 6 * MINUTE);
    expect(book.due([NAME], 6 * MINUTE)).toEqual([]);
  });
});
