import { fieldError } from '../../faults/errors.ts';
import { nodeNameFault } from '../../node/node-name.ts';
import type { ParsedDocument, Warning } from '../parsed-document.ts';
import { convertJoinConfiguration } from './kubeadm.ts';

/** Returns whether a text is the line of `kubeadm token create --print-join-command`, with or without sudo. */
export const isJoinCommand = (text: string): boolean =>
  /^\s*(?:sudo\s+)?kubeadm\s+join\s/.test(text);

const SWITCHES = new Set(['discovery-token-unsafe-skip-ca-verification']);

interface Command {
  readonly endpoint: string;
  /** In their order; a flag given twice is there twice. */
  readonly flags: readonly (readonly [name: string, value: string])[];
}

function split(text: string): Command {
  const words = text
    .trim()
    .replaceAll(/\\\r?\n/g, ' ')
    .split(/\s+/);
  const rest = words
    .slice(words.indexOf('join') + 1)
    .map((word) => word.replaceAll(/^["']|["']$/g, ''));
  const flags: [string, string][] = [];
  let endpoint = '';
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] ?? '';
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/.exec(word) ?? [];
    if (name === undefined) endpoint = word;
    else if (value !== undefined) flags.push([name, value]);
    else if (SWITCHES.has(name)) flags.push([name, 'true']);
    else flags.push([name, rest[++at] ?? '']);
  }
  return { endpoint, flags };
}

const KNOWN = new Set([
  'token',
  'tls-bootstrap-token',
  'discovery-token',
  'discovery-token-ca-cert-hash',
  'discovery-token-unsafe-skip-ca-verification',
  'node-name',
  // These concern the machine kubeadm would run on; here they are fixed.
  'cri-socket',
  'ignore-preflight-errors',
  'v',
]);

/** Parses a pasted `kubeadm join` line. */
export function parseJoinCommand(source: string, text: string): ParsedDocument {
  const { endpoint, flags } = split(text);
  const last = (name: string): string | undefined => flags.findLast(([flag]) => flag === name)?.[1];
  const token = last('token');
  const name = last('node-name');
  const fault = name === undefined ? undefined : nodeNameFault(name);
  if (fault !== undefined) throw fieldError(`read ${source}: --node-name: ${fault}`);
  const hashes = flags.filter(([flag]) => flag === 'discovery-token-ca-cert-hash');
  const discovery = last('discovery-token') ?? token;
  const reading = convertJoinConfiguration(source, {
    discovery: {
      bootstrapToken: {
        apiServerEndpoint: endpoint,
        token: discovery,
        caCertHashes: hashes.length === 0 ? undefined : hashes.map(([, hash]) => hash),
        unsafeSkipCAVerification:
          last('discovery-token-unsafe-skip-ca-verification') === 'true' ? true : undefined,
      },
      tlsBootstrapToken: last('tls-bootstrap-token') ?? token,
    },
    nodeRegistration: name === undefined ? undefined : { name },
    controlPlane: flags.some(([flag]) => flag === 'control-plane') ? {} : undefined,
  });
  const unknown = flags.filter(([flag]) => !KNOWN.has(flag) && flag !== 'control-plane');
  const warnings = unknown.map(([flag]): Warning => ({
    path: `--${flag}`,
    why: 'it has no effect here',
  }));
  return { ...reading, kind: 'kubeadm join', warnings };
}
