import { parse } from '@kios/agent/parse';
import * as v from 'valibot';

import { authorityFault, withoutScheme } from '../../cluster/endpoint.ts';
import { fieldError } from '../../faults/errors.ts';
import type { ParsedDocument, Warning } from '../parsed-document.ts';
import { type AuthSpec, CaCertHash, type NodeBootstrap, NodeName, Token } from '../schema.ts';
import { findJoinCommands, type Found } from './find-join-command.ts';
import { isIdle, type JoinFlags, readFlags } from './join-flags.ts';
import { tokenAuth } from './kubeadm.ts';
import { shown, splitWords } from './words.ts';

const Values = v.strictObject({
  '--token': v.optional(Token),
  '--discovery-token': v.optional(Token),
  '--tls-bootstrap-token': v.optional(Token),
  '--discovery-token-ca-cert-hash': v.optional(v.array(CaCertHash)),
  '--node-name': v.optional(NodeName),
});

/** Why a node cannot do what a flag asks for. */
const REFUSED: Readonly<Record<string, string>> = {
  config: 'names a file that a node does not have; give it the JoinConfiguration itself',
  'discovery-file':
    'discovery by file is not for a node, which has no such file; use a token and --discovery-token-ca-cert-hash',
  'control-plane': 'a control plane cannot run here',
  'experimental-control-plane': 'a control plane cannot run here',
};

/** A command whose words are sorted. */
type Command = JoinFlags & Pick<Found, 'line' | 'variables'>;

const last = ({ flags }: JoinFlags, name: string): string | undefined =>
  flags.findLast(([flag]) => flag === name)?.[1];

const isControlPlane = (command: Command): boolean =>
  last(command, 'control-plane') === 'true' ||
  last(command, 'experimental-control-plane') === 'true';

function endpointFault(word: string): string | undefined {
  const authority = withoutScheme(word);
  const fault = authorityFault(authority);
  if (fault !== undefined) return `${shown(word)}: ${fault}`;
  // A single word may be anything. kubeadm prints the port always.
  return /[.:]/.test(authority)
    ? undefined
    : `${shown(word)}: has no port; an endpoint is HOST:PORT`;
}

function bareFault(bare: readonly string[]): string | undefined {
  const [first, ...more] = bare;
  if (first === undefined) return 'has no endpoint, HOST:PORT';
  if (first === 'phase')
    return 'phase: a single phase joins no node; give the whole kubeadm join line';
  // The word that is no address is the one too many.
  const [extra] = [...more, first].filter((word) => endpointFault(word) !== undefined);
  if (more.length === 0) return endpointFault(first);
  return `${shown(extra ?? more[0] ?? '')}: is one word too many; an endpoint is all that stands without a flag`;
}

const hashesOf = ({ flags }: JoinFlags): readonly string[] | undefined => {
  const given = flags.filter(([flag]) => flag === 'discovery-token-ca-cert-hash');
  const hashes = given.flatMap(([, value]) => value.split(',')).filter((hash) => hash !== '');
  return given.length === 0 ? undefined : hashes;
};

const TEXTS = ['token', 'discovery-token', 'tls-bootstrap-token', 'node-name'] as const;

/** Returns the checked values of those flags that a node carries out. */
function valuesOf(source: string, command: Command): v.InferOutput<typeof Values> {
  const texts = TEXTS.map((flag) => [`--${flag}`, last(command, flag)] as const);
  const hashes = ['--discovery-token-ca-cert-hash', hashesOf(command)] as const;
  const given = [...texts, hashes].filter(([, value]) => value !== undefined);
  return parse(Values, source, Object.fromEntries(given), fieldError);
}

function refusedFault({ flags }: Command): string | undefined {
  const [name] =
    flags.find(([flag, value]) => Object.hasOwn(REFUSED, flag) && value !== 'false') ?? [];
  return name === undefined ? undefined : `--${name}: ${REFUSED[name] ?? ''}`;
}

function convertCommand(source: string, command: Command): NodeBootstrap {
  const refused = refusedFault(command);
  if (refused !== undefined) throw fieldError(`read ${source}: ${refused}`);
  // Before the words are counted: the second half of a torn token is a word, and a secret.
  const values = valuesOf(source, command);
  const token = values['--token'];
  const auth = tokenAuth(
    values['--discovery-token'] ?? token,
    values['--tls-bootstrap-token'] ?? token,
  );
  const missing = auth === undefined ? '--token: is required' : undefined;
  const fault = command.faults[0] ?? bareFault(command.bare) ?? missing;
  if (fault !== undefined) throw fieldError(`read ${source}: ${fault}`);
  return documentOf(command, values, auth);
}

function documentOf(
  command: Command,
  values: v.InferOutput<typeof Values>,
  auth: AuthSpec | undefined,
): NodeBootstrap {
  const caCertHashes = values['--discovery-token-ca-cert-hash'];
  const name = values['--node-name'];
  const skip = last(command, 'discovery-token-unsafe-skip-ca-verification') === 'true';
  return {
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    cluster: {
      endpoint: `https://${withoutScheme(command.bare[0] ?? '')}`,
      ...(caCertHashes === undefined ? {} : { caCertHashes }),
      ...(skip ? { unsafeSkipCAVerification: true } : {}),
    },
    ...(auth === undefined ? {} : { auth }),
    ...(name === undefined ? {} : { node: { name } }),
  };
}

function readCommand(source: string, { text, line, variables }: Found): Command {
  const { words, fault } = splitWords(text);
  if (words === undefined) throw fieldError(`read ${source}: ${fault}`);
  return { ...readFlags(words), line, variables };
}

/** Names the lines around the command, once. */
function aroundWarning([first, ...more]: readonly number[]): readonly Warning[] {
  if (first === undefined) return [];
  const path = more.length === 0 ? `line ${first}` : `line ${first} and ${more.length} more`;
  return [{ path, why: 'it is not part of the kubeadm join command, and nothing carries it out' }];
}

/** Names what a command asks for that a node does not carry out. */
function idleWarnings({ flags, variables }: Command): readonly Warning[] {
  const idle = flags.filter(([flag]) => isIdle(flag)).map(([flag]) => `--${flag}`);
  const proxies = variables.filter((name) => /^(?:https?|all|no)_proxy$/i.test(name));
  return [
    ...[...new Set(idle)].map((path) => ({ path, why: 'it has no effect here' })),
    ...proxies.map((path) => ({
      path,
      why: 'it is not for the node; a NodeBootstrap document has proxy for that',
    })),
  ];
}

/** Parses a pasted `kubeadm join` command. */
export function parseJoinCommand(source: string, text: string): ParsedDocument {
  const { commands, others } = findJoinCommands(text);
  const open = commands.filter(({ isHidden }) => !isHidden);
  const read = (open.length > 0 ? open : commands).map((found) => readCommand(source, found));
  const workers = read.filter((command) => !isControlPlane(command));
  const chosen = workers.length > 0 ? workers : read;
  const documents = chosen.map((command) => convertCommand(source, command));
  const [document, ...rivals] = documents;
  if (document === undefined)
    throw fieldError(`read ${source}: has no kubeadm join command that begins a line`);
  if (rivals.some((rival) => JSON.stringify(rival) !== JSON.stringify(document)))
    throw fieldError(
      `read ${source}: its kubeadm join commands differ, in lines ${chosen.map(({ line }) => line).join(' and ')}; keep one`,
    );
  const warnings = [...chosen.slice(0, 1).flatMap(idleWarnings), ...aroundWarning(others)];
  return { document, kind: 'kubeadm join', warnings };
}
