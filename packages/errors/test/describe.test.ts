import { describe as group, expect, it } from 'vitest';

import { describe, errorCode, KiosError, sentence } from '../src/index.ts';

const cause = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
const failure = new KiosError('KIOS_DEMO', 'read x', { cause });

group('the description of an error', () => {
  it('joins the messages of an error and its causes', () => {
    expect(describe(failure)).toBe('read x: EACCES: permission denied');
  });

  it.each([
    ['text', 'text'],
    [{ a: 1 }, '{"a":1}'],
    [undefined, ''],
  ])('describes thrown %j as %j', (thrown, text) => expect(describe(thrown)).toBe(text));

  it('stops at the eighth error of a chain', () => {
    let error = new Error('0');
    for (let at = 1; at < 20; at++) error = new Error(String(at), { cause: error });
    expect(describe(error)).toBe('19: 18: 17: 16: 15: 14: 13: 12');
  });
});

group('the sentence for an error', () => {
  it('puts "cannot" before the message of a KiosError', () => {
    expect(sentence(failure)).toBe('cannot read x: EACCES: permission denied');
  });

  it('puts "cannot" before a shortened text', () => {
    expect(sentence(failure, 'read x')).toBe('cannot read x');
  });

  it('leaves other errors as they are', () => {
    expect(sentence(cause)).toBe('EACCES: permission denied');
  });
});

group('the code of an error', () => {
  it.each([
    [cause, 'EACCES'],
    [failure, 'KIOS_DEMO'],
    [new Error('x'), undefined],
    [Object.assign(new Error('x'), { code: 3 }), undefined],
    ['EACCES', undefined],
  ])('of %s is %s', (error, code) => expect(errorCode(error)).toBe(code));
});
