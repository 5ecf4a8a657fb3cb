import type { Random } from '@kios/bytes/testing';

/*
 * Ways to break a text. Noise seldom gets past the parsers, so most of them change words and lines.
 */

const WORDS = [
  'true', 'false', '~', 'null', '', '0', '5', '8', '-1', '1e3', '0x10', 'worker', 'auto', 'https://', 'https://5', 'http://a',
  '192.0.2.99:6443', '192.0.2.99', '[2001:db8::1]:6443', '::1', 'cp.example.com', 'h:0', '-v', '-v 8', '-v=5', '--dry-run',
  '--token', '--control-plane', '--node-name', '--discovery-token-ca-cert-hash', 'sudo -E', 'kubeadm join', 'join', '|',
  '> log', '2>&1', '&&', ';', '#', '# a', '\\', '> ', '$ ', '$TOKEN', '$(x)', '`', '\u2013token', '\u201Cx\u201D', '[]', '{}',
  '[a, b]', '{a: b}', '*a', '&a x', '!!binary aGk=', '!x y', '"', "'", '|-', '>-', '---', '...', '<<', '__proto__', 'constructor',
  'MIME-Version: 1.0', 'Content-Type: text/yaml', '--//', '--//--', 'base64', '\u0000', '\uFEFF', '\u00A0', '\u200B',
] as const; // prettier-ignore
const KEYS = [
  'apiVersion', 'kind', 'cluster', 'endpoint', 'apiServerEndpoint', 'caBundle', 'caCertHashes', 'auth', 'bootstrapToken',
  'discoveryToken', 'token', 'tlsBootstrapToken', 'kubeconfig', 'exec', 'command', 'clientCertificate', 'awsIamAuthenticator',
  'node', 'name', 'ip', 'labels', 'taints', 'key', 'effect', 'value', 'kubelet', 'config', 'flags', 'spec', 'certificateAuthority',
  'cidr', 'discovery', 'file', 'nodeRegistration', 'kubeletExtraArgs', 'controlPlane', 'files', 'path', 'content', 'contentBase64',
  'sysctls', 'registries', 'network', 'credentialProviders', 'apiServer', 'b64ClusterCA', 'kubeletConfiguration', 'toString', '<<',
] as const; // prettier-ignore
const CHARACTERS = ' :-[]{}"\'#&*!|>%@\t\n,.0a\\=$/\u00e9';

type Mutation = (lines: string[], random: Random, seeds: readonly string[]) => string[];

const change = (
  lines: readonly string[],
  random: Random,
  edit: (line: string) => string,
): string[] => {
  const index = random.below(lines.length);
  return lines.map((line, at) => (at === index ? edit(line) : line));
};

const MUTATIONS: readonly Mutation[] = [
  // Another value behind a key.
  (lines, random) =>
    change(lines, random, (line) =>
      line.replace(/([\w.-]+:\s*)[^:]*$/, (_all, key: string) => key + random.pick(WORDS)),
    ),
  // Another word, one more, or one less.
  (lines, random) =>
    change(lines, random, (line) => {
      const words = line.split(' ');
      const word = random.pick(random.next() < 0.7 ? WORDS : KEYS);
      return words
        .toSpliced(
          random.below(words.length + 1),
          random.below(2),
          ...(random.next() < 0.7 ? [word] : []),
        )
        .join(' ');
    }),
  // Two words change places.
  (lines, random) =>
    change(lines, random, (line) => {
      const words = line.split(' ');
      const [one, other] = [random.below(words.length), random.below(words.length)];
      return words
        .map((word, at) => (at === one ? words[other] : at === other ? words[one] : word))
        .join(' ');
    }),
  // A part of a word.
  (lines, random) =>
    change(lines, random, (line) => {
      const parts = line.split(/\b/);
      parts[random.below(parts.length)] = random.pick(random.next() < 0.5 ? WORDS : KEYS);
      return parts.join('');
    }),
  // Another key.
  (lines, random) =>
    change(lines, random, (line) => line.replace(/[\w-]+:/, `${random.pick(KEYS)}:`)),
  (lines, random) => lines.toSpliced(random.below(lines.length), 1),
  (lines, random) =>
    lines.toSpliced(random.below(lines.length), 0, lines[random.below(lines.length)] ?? ''),
  // Other indentation.
  (lines, random) =>
    change(lines, random, (line) =>
      random.next() < 0.5 ? `  ${line}` : line.replace(/^ {2}/, ''),
    ),
  // One character.
  (lines, random) =>
    change(lines, random, (line) => {
      const place = random.below(line.length + 1);
      const letter = CHARACTERS[random.below(CHARACTERS.length)] ?? ' ';
      return line.slice(0, place) + letter + line.slice(place + random.below(2));
    }),
  // A line ends elsewhere.
  (lines, random) =>
    lines.flatMap((line) => {
      if (random.next() > 1 / lines.length) return [line];
      const place = random.below(line.length + 1);
      return [line.slice(0, place) + (random.next() < 0.3 ? ' \\' : ''), line.slice(place)];
    }),
  // Lines of another document.
  (lines, random, seeds) => {
    const other = random.pick(seeds).split('\n');
    const start = random.below(other.length);
    const piece = other.slice(start, start + 1 + random.below(8));
    return lines.toSpliced(random.below(lines.length), random.below(4), ...piece);
  },
];

const RARE: readonly Mutation[] = [
  () => ['['.repeat(20_000)],
  (lines) => [...lines, 'kubeadm join '.repeat(3000)],
  (lines) => [...lines, ...Array.from({ length: 3000 }, () => '# kubeadm join a:1 \\')],
  () => [`sudo ${'-u '.repeat(5000)}`, `sudo ${'--a '.repeat(5000)} kubeadm`],
  (_, random) => [
    Array.from({ length: 400 }, () => CHARACTERS[random.below(CHARACTERS.length)]).join(''),
  ],
  (lines) => [lines.join('\n').slice(0, lines.join('\n').length / 2)],
];
const RARELY = 1 / 1000;

/** Breaks a text in one to three ways; `others` lend it lines. */
export function mutate(text: string, others: readonly string[], random: Random): string {
  let lines = text.split('\n');
  if (random.next() < RARELY) return random.pick(RARE)(lines, random, others).join('\n');
  for (let left = 1 + random.below(3); left > 0; left -= 1)
    lines = random.pick(MUTATIONS)(lines, random, others);
  return lines.join('\n');
}
