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
  ['line ends of an old Macintosh', 'a: 1\rb:\r- 2\r', { a: 1, b: [2] }],
  ['braces behind a byte order mark, which are YAML', '\u{FEFF}{kind: Pod}', { kind: 'Pod' }],
  ['the version of YAML that kubelet knows', '%YAML 1.1\n---\na: 0400\n', { a: 256 }],
]; // prettier-ignore

it.each(READ)('reads %s, as Kubernetes does', (_, text, value) => {
  expect(parseManifest(text)).toMatchObject({ value });
  expect(parseManifest(text).faults).toBeUndefined();
});

it.each([
  ['a key', 'spec.containers[0].image', 5],
  ['an item', 'spec.containers[0]', 4],
  ['a key with dots', 'metadata.labels["a.b/c"]', 2],
  ['the same as kubelet writes it', 'metadata.labels[a.b/c]', 2],
  ['what comes by a merge key', 'spec.containers[1].image', 5],
  ['what is missing, by the part around it', 'spec.containers[1].ports[0].name', 6],
  ['what is missing in all', 'status', 1],
])('knows the line of %s', (_, path, line) => {
  const text = `kind: Pod
metadata: {labels: {a.b/c: x}}
spec: {containers: [
  &base {name: a,
  image: b},
  {<<: *base, name: c}]}
`;
  const parsed = parseManifest(text);
  expect(parsed.faults === undefined ? parsed.lineOf(path) : parsed.faults).toBe(line);
});

/** Seven lists, each of ten times the one before. */
const LEVELS = [1, 2, 3, 4, 5, 6, 7]
  .map((level) => `b${level}: &a${level} [${`*a${level - 1},`.repeat(10)}]\n`)
  .join('');
const REFUSED: [string, string, number | undefined, RegExp][] = [
  ['an empty file', '', undefined, /^is empty$/],
  ['a file of separators', '---\n---\n', undefined, /^is empty$/],
  ['a second document', 'a: 1\n---\nb: 2\n', 3, /^begins a second document/],
  ['a key given twice', 'a: 1\na: 2', 2, /^repeats a key/],
  ['a bracket that stays open', 'a: [1', 1, /^is not indented deep enough, or a bracket/],
  ['a tab', 'a:\n\t- 1', 2, /^is indented with a tab/],
  ['a broken line once', '- a\nb: 1', 2, /^is not indented as the lines before it/],
  ['an anchor that nobody set', 'b: 1\na: *nobody', 2, /^has an alias whose anchor is not set/],
  ['braces that are not JSON', '{kind: Pod}', 1, /^begins with \{, so kubelet takes it for JSON/],
  ['JSON with a separator behind it', '{"a": 1}\n---\n', 2, /^begins with \{, so kubelet takes it for JSON/],
  ['two objects of JSON', '{"a": 1}\n{"b": 1}', 2, /^begins with \{, so kubelet takes it for JSON/],
  ['a comma too many in JSON', '{\n"a": [1,\n]}', 1, /^begins with \{, so kubelet takes it for JSON/],
  ['a document behind an empty one', '---\n# A comment.\n---\na: 1\n', 4, /^begins after an empty document/],
  ['a document behind null', 'null\n---\na: 1\n', 3, /^begins after an empty document/],
  ['a template', 'a: 1\nb: {{ name }}', 2, /^has a list or an object as a key/],
  ['a list as a key', 'a: 1\n? [b]\n: c', 2, /^has a list or an object as a key/],
  ['an empty key', 'a: 1\n~: b', 2, /^has an empty key/],
  ['a merge key without an object', 'a: 1\nb:\n  <<: c', 3, /^merges what is not an object/],
  ['a merge key with null', 'a: 1\n<<: ', 2, /^merges what is not an object/],
  ['a merge key with an alias of a list', 'a: &a [{b: 1}]\nc: {<<: *a}', 2, /^merges what is not an object/],
  ['infinity', 'a: 1\nb: .inf', 2, /^is a number that JSON does not have/],
  ['no number', 'a: 1\nb: .NaN', 2, /^is a number that JSON does not have/],
  ['a control character', 'a: 1\nb: c\u0007', 2, /^has the control character U\+0007/],
  ['UTF-16 without a mark', 'a\0:\0 \x001\0', 1, /^has the control character U\+0000/],
  ['another version of YAML', '# A comment.\n%YAML 1.2\n---\na: 1\n', 2, /^says that it is YAML 1\.2/],
  ['repetition without end', `a: &a0 [1]\n${LEVELS}`, undefined, /^repeats itself/],
  ['a part that holds itself', 'a: &a [1, *a]', undefined, /^repeats itself/],
]; // prettier-ignore

it.each(REFUSED)('reports %s', (_, text, line, cause) => {
  const [fault, ...others] = parseManifest(text).faults ?? [];
  expect(others).toEqual([]);
  expect(fault?.line).toBe(line);
  expect(fault?.cause).toMatch(cause);
});

const lines = (line: string): string =>
  Array.from({ length: 120 }, (_, index) => line.replace('N', String(index))).join('\n');

it('reads a part as often as a manifest repeats it, also by merge keys', () => {
  const parsed = parseManifest(`a: &a {x: 1}
m: &m {list: [${'*a,'.repeat(120)}]}
${lines('bN: *a')}
${lines('cN: {<<: *m}')}
`);
  expect(parsed).toMatchObject({ value: { b119: { x: 1 } } });
  expect(parsed).toHaveProperty('value.c119.list.119', { x: 1 });
});

it('reads JSON with tabs, as kubelet does', () => {
  expect(parseManifest('{"a":\t[1,\n\t2]}')).toMatchObject({ value: { a: [1, 2] } });
});
