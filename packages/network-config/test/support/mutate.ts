import type { Random } from '@kios/bytes/testing';

/*
 * Ways to break a document. Noise seldom gets past the YAML parser, so most of them change words and lines.
 */

const VALUES = [
  'true', 'no', '~', '', '0', '1', '4095', '-1', '99999999999', 'default', '10.0.0.1/24', '10.0.0.1', '::/0', 'fe80::1',
  '2001:db8::1/64', '52:54:00:00:00:01', '[]', '{}', '[a, b]', '{a: b}', 'eth0', 'bond0', 'br0', '802.3ad', 'en*', '..',
  '"\\u0000"', '*a', '&a x', '!!binary aGk=', '!x y', '"', '|', '0x10', '1e3', 'hex:0a', '<<', '__proto__', 'constructor',
] as const; // prettier-ignore
const KEYS = [
  'version', 'config', 'ethernets', 'vlans', 'bonds', 'bridges', 'wifis', 'dhcp4', 'addresses', 'routes', 'to', 'via',
  'match', 'set-name', 'interfaces', 'link', 'id', 'mtu', 'parameters', 'mode', 'gateway4', 'nameservers', 'links',
  'networks', 'type', 'name', 'subnets', 'address', 'constructor', '<<', 'toString',
] as const; // prettier-ignore
const CHARACTERS = ' :-[]{}"\'#&*!|>%@\t\n,.0a\u0000\u00e9\ufeff';

type Mutation = (lines: string[], random: Random, seeds: readonly string[]) => string[];

const at = (lines: readonly string[], random: Random): number => random.below(lines.length);

const change = (lines: readonly string[], index: number, line: string): string[] =>
  lines.map((old, place) => (place === index ? line : old));

const MUTATIONS: readonly Mutation[] = [
  // Another value behind a key.
  (lines, random) => {
    const index = at(lines, random);
    const line = lines[index] ?? '';
    return change(lines, index, line.replace(/([\w.-]+:\s*)[^:]*$/, `$1${random.pick(VALUES)}`));
  },
  // Another word anywhere.
  (lines, random) => {
    const index = at(lines, random);
    const words = (lines[index] ?? '').split(/\b/);
    words[random.below(words.length)] = random.pick(random.next() < 0.5 ? VALUES : KEYS);
    return change(lines, index, words.join(''));
  },
  // Another key.
  (lines, random) => {
    const index = at(lines, random);
    return change(lines, index, (lines[index] ?? '').replace(/[\w-]+:/, `${random.pick(KEYS)}:`));
  },
  (lines, random) => lines.toSpliced(at(lines, random), 1),
  (lines, random) => lines.toSpliced(at(lines, random), 0, lines[at(lines, random)] ?? ''),
  // Other indentation.
  (lines, random) => {
    const index = at(lines, random);
    const line = lines[index] ?? '';
    return change(lines, index, random.next() < 0.5 ? `  ${line}` : line.replace(/^ {2}/, ''));
  },
  // One character.
  (lines, random) => {
    const index = at(lines, random);
    const line = lines[index] ?? '';
    const place = random.below(line.length + 1);
    const letter = CHARACTERS[random.below(CHARACTERS.length)] ?? ' ';
    return change(
      lines,
      index,
      line.slice(0, place) + letter + line.slice(place + random.below(2)),
    );
  },
  // Lines of another document.
  (lines, random, seeds) => {
    const other = random.pick(seeds).split('\n');
    const start = at(other, random);
    const piece = other.slice(start, start + 1 + random.below(8));
    return lines.toSpliced(at(lines, random), random.below(4), ...piece);
  },
];

const RARE: readonly Mutation[] = [
  () => ['['.repeat(20_000)],
  () => [
    'a: &a [x, x, x, x, x, x, x, x]',
    ...'bcdefgh'
      .split('')
      .map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index]},`.repeat(8)}]`),
  ],
  (_, random) => [
    Array.from({ length: 400 }, () => CHARACTERS[random.below(CHARACTERS.length)]).join(''),
  ],
  (lines) => [lines.join('\n').slice(0, lines.join('\n').length / 2)],
  (lines) => [...lines, 'x: '.repeat(3000)],
];
const RARELY = 1 / 500;

/** Breaks one of the seeds in one to three ways. */
export function mutate(seeds: readonly string[], random: Random): string {
  let lines = random.pick(seeds).split('\n');
  if (random.next() < RARELY) return random.pick(RARE)(lines, random, seeds).join('\n');
  for (let left = 1 + random.below(3); left > 0; left -= 1)
    lines = random.pick(MUTATIONS)(lines, random, seeds);
  return lines.join('\n');
}
