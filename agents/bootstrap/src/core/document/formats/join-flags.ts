import { FLAGS as KUBELET_FLAGS } from '../kubelet-table.ts';
import { unknownName } from '../unknown-field.ts';
import { shown } from './words.ts';

/** kubeadm's switches: they take no value but behind `=`. The last ones are those of its log. */
const SWITCHES = new Set([
  'control-plane', 'discovery-token-unsafe-skip-ca-verification', 'dry-run', 'experimental-control-plane',
  'skip-preflight-checks', 'add-dir-header', 'alsologtostderr', 'logtostderr', 'one-output', 'skip-headers',
  'skip-log-headers',
]); // prettier-ignore

const VALUES = new Set([
  'token', 'discovery-token', 'tls-bootstrap-token', 'discovery-token-ca-cert-hash', 'node-name', 'cri-socket',
  'ignore-preflight-errors', 'ignore-checks-errors', 'skip-phases', 'patches', 'config', 'discovery-file',
  'apiserver-advertise-address', 'apiserver-bind-port', 'certificate-key', 'feature-gates', 'rootfs', 'v', 'vmodule',
  'log-backtrace-at', 'log-dir', 'log-file', 'log-file-max-size', 'stderrthreshold',
]); // prettier-ignore

const FLAGS = [...VALUES, ...SWITCHES];

/** Those that a node carries out, and those that concern the machine on which kubeadm would run. */
const UNSAID = new Set([
  'token', 'discovery-token', 'tls-bootstrap-token', 'discovery-token-ca-cert-hash', 'node-name', 'control-plane',
  'experimental-control-plane', 'discovery-token-unsafe-skip-ca-verification', 'cri-socket', 'ignore-preflight-errors',
  'ignore-checks-errors', 'skip-preflight-checks', 'v', 'vmodule', 'add-dir-header', 'alsologtostderr', 'logtostderr',
  'one-output', 'skip-headers', 'skip-log-headers', 'log-backtrace-at', 'log-dir', 'log-file', 'log-file-max-size',
  'stderrthreshold',
]); // prettier-ignore

export const isIdle = (flag: string): boolean => !UNSAID.has(flag);

/** Flags of `kubeadm init` alone, which the line beside them has no use for. */
const OF_INIT = new Set([
  'upload-certs', 'pod-network-cidr', 'service-cidr', 'service-dns-domain', 'control-plane-endpoint',
  'kubernetes-version', 'image-repository', 'apiserver-cert-extra-sans', 'cert-dir', 'token-ttl',
  'skip-token-print', 'skip-certificate-key-print',
]); // prettier-ignore

const BOOLEANS: Readonly<Record<string, string>> = { 1: 'true', t: 'true', true: 'true', 0: 'false', f: 'false', false: 'false' }; // prettier-ignore

/** The words of a `kubeadm join` command, sorted. */
export interface JoinFlags {
  /** Words that are neither a flag nor its value. */
  readonly bare: readonly string[];
  /** In their order; a flag given twice is there twice. */
  readonly flags: readonly (readonly [name: string, value: string])[];
  readonly faults: readonly string[];
}

/** Returns name and value of a word that is a flag; the name is as kubeadm takes it, also with `_` for `-`. */
function flagOf(word: string): { readonly name: string; readonly value?: string } | undefined {
  const level = /^-v=?(\d+)$/.exec(word)?.[1];
  if (level !== undefined) return { name: 'v', value: level };
  if (word === '-v') return { name: 'v' };
  const [, name, value] = /^--([A-Za-z][-\w]*)(?:=(.*))?$/s.exec(word) ?? [];
  if (name === undefined) return undefined;
  return { name: name.replaceAll('_', '-'), ...(value === undefined ? {} : { value }) };
}

const KNOWN = FLAGS.map((flag) => `--${flag}`);

/** Says whose flag it is; undefined when nobody's is known. */
function otherProgram(name: string): string | undefined {
  if (OF_INIT.has(name)) return 'is a flag of kubeadm init; leave it out';
  return Object.hasOwn(KUBELET_FLAGS, name)
    ? 'is a flag of kubelet; a JoinConfiguration has nodeRegistration.kubeletExtraArgs for it'
    : undefined;
}

/** `earlier` is the number of faults before it. */
function unknownFault(word: string, earlier: number): string {
  const name = word.replace(/^-+/, '').replace(/=.*$/s, '');
  if (!word.startsWith('--') && FLAGS.includes(name)) return `-${name}: write --${name}`;
  const why =
    otherProgram(name) ??
    unknownName(`--${name}`, KNOWN, { what: 'a flag of kubeadm join', earlier });
  return `${shown(word.replace(/=.*$/s, ''))}: ${why}`;
}

/** Returns the value of a flag and how many of the words behind it that takes, or the fault. */
function valueOf(
  name: string,
  given: string | undefined,
  next: string | undefined,
): { readonly value: string; readonly takes: 0 | 1 } | string {
  if (SWITCHES.has(name)) {
    const value = given === undefined ? 'true' : BOOLEANS[given.toLowerCase()];
    return value === undefined ? `--${name}: must be true or false` : { value, takes: 0 };
  }
  if (given !== undefined) return { value: given, takes: 0 };
  return next === undefined || next.startsWith('-')
    ? `--${name}: has no value`
    : { value: next, takes: 1 };
}

/** Sorts the words behind `kubeadm join` as kubeadm would. */
export function readFlags(words: readonly string[]): JoinFlags {
  const bare: string[] = [];
  const flags: (readonly [string, string])[] = [];
  const faults: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const flag = flagOf(word);
    if (!word.startsWith('-')) bare.push(word);
    else if (flag === undefined || !FLAGS.includes(flag.name))
      faults.push(unknownFault(word, faults.length));
    else {
      const found = valueOf(flag.name, flag.value, words[at + 1]);
      if (typeof found === 'string') faults.push(found);
      else {
        flags.push([flag.name, found.value]);
        at += found.takes;
      }
    }
  }
  return { bare, flags, faults };
}

/** Returns whether a word is a flag that takes the next word as its value. */
export const wantsValue = (word: string): boolean =>
  word === '-v' || (word.startsWith('--') && VALUES.has(word.slice(2).replaceAll('_', '-')));
