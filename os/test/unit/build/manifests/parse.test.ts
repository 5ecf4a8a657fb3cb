import { expect, it } from 'vitest';

import { parseManifest } from '../../../../src/build/manifests/parse.ts';

const READ: [string, string, unknown][] = [
  ['an octal mode', 'mode: 0400', { mode: 256 }],
  ['yes as a bool', 'hostNetwork: yes', { hostNetwork: true }],
  ['a merge key', 'a: &base {image: x}\nb: {<<: *base, name: b}', { a: { image: 'x' }, b: { image: 'x', name: 'b' } }],
  ['a time of day as text', 'at: 12:30:45', { at: '12:30:45' }],
  ['a date as text', 'at: 2026-01-02', { at: '2026-01-02' }],
  ['null as not given', 'a: null\nb: {c: ~, d: }\ne: [{f: null}]', { b: {}, e: [{}] }],
  ['separators without a document', '---\na: 1\n---\n', { a: 1 }],
  ['a comment before the separator', '# Why.\n---\na: 1\n', { a: 1 }],
]; // prettier-ignore

it.each(READ)('reads %s, as Kubernetes does', (_, text, value) => {
  expect(parseManifest(text)).toEqual({ value });
});

const TEN = `[${'1,'.repeat(10)}]`;
const REFUSED: [string, string, string, RegExp][] = [
  ['an empty file', '', '(document)', /^is empty$/],
  ['a file of separators', '---\n---\n', '(document)', /^is empty$/],
  ['a second document', 'a: 1\n---\nb: 2\n', 'line 3, column 1', /^begins a second document/],
  ['a key given twice', 'a: 1\na: 2', 'line 2, column 1', /unique/],
  ['a fault of the form', 'a: [1', 'line 1, column 6', /.+/],
  ['an anchor that nobody set', 'a: *nobody', '(document)', /nobody/],
  ['repetition without end', `a: &a ${TEN}\nb: &b [${'*a,'.repeat(10)}]\nc: [${'*b,'.repeat(10)}]`, '(document)', /alias/],
]; // prettier-ignore

it.each(REFUSED)('reports %s', (_, text, path, cause) => {
  const [fault, ...others] = parseManifest(text).faults ?? [];
  expect(others).toEqual([]);
  expect(fault?.path).toBe(path);
  expect(fault?.cause).toMatch(cause);
});
