import type { Argv } from '@kios/agent';
import { STATE } from '@kios/node-state';
import * as v from 'valibot';

/** Where the files are. */
const FOLDER_FLAGS = {
  'run-dir': { type: 'string', default: STATE.netDir },
  'state-dir': { type: 'string', default: '/var/lib/kios/dhcp' },
} as const;

/** Flags of the verbs that configure links. */
const LINK_FLAGS = {
  ...FOLDER_FLAGS,
  interface: { type: 'string', array: true, default: ['auto'] },
  config: {
    type: 'string',
    default: '/host/etc/kios/dhcp.yaml',
    describe: 'what differs on single links',
  },
  arp: {
    choices: ['full', 'fast', 'none'],
    default: 'fast',
    describe: 'look for other users of the address before it is used, meanwhile, or not',
  },
  broadcast: { type: 'boolean', default: false, describe: 'ask for broadcast answers' },
  'client-id': { type: 'string', default: 'mac', describe: 'mac, duid, uuid, none or hex:…' },
  dns: { type: 'boolean', default: true },
  force: {
    type: 'boolean',
    default: false,
    describe: 'serve a link that has an address of somebody else too',
  },
  hostname: { choices: ['send', 'request', 'off'], default: 'send' },
  'hostname-file': { type: 'string', default: '/host/etc/hostname' },
  'ipv4ll-metadata': {
    type: 'boolean',
    default: false,
    describe: '169.254.x.y while there is no lease',
  },
  'ipv6-mostly': { type: 'boolean', default: false, describe: 'heed option 108' },
  metric: { type: 'number', describe: 'of routes; 100, 110, … by default' },
  'metrics-dir': { type: 'string', default: '/run/kios/metrics' },
  mtu: { type: 'boolean', default: true },
  'offer-window': { type: 'number', default: 0, describe: 'milliseconds' },
  'on-expire': { choices: ['keep', 'drop'], default: 'keep' },
  option: { type: 'string', array: true, default: [], describe: 'CODE=TYPE, to ask for' },
  'rapid-commit': { type: 'boolean', default: true },
  routes: { type: 'boolean', default: true },
  'startup-jitter': { type: 'number', default: 0, describe: 'seconds' },
  'strict-rfc': { type: 'boolean', default: false, describe: 'see --deviations' },
} as const;

const ACQUIRE_FLAGS = {
  ...LINK_FLAGS,
  timeout: { type: 'number', default: 0, describe: 'seconds; 0 waits' },
  'carrier-timeout': { type: 'number', default: 0, describe: 'seconds; 0 waits' },
} as const;

export const folderFlags = (args: Argv) => args.options(FOLDER_FLAGS);
export const linkFlags = (args: Argv) => args.options(LINK_FLAGS);
export const acquireFlags = (args: Argv) => args.options(ACQUIRE_FLAGS);

const texts = v.pipe(v.array(v.string()), v.readonly());

/** What a parser makes of the flags of links. */
export const Flags = v.object({
  interface: texts,
  config: v.string(),
  arp: v.picklist(LINK_FLAGS.arp.choices),
  broadcast: v.boolean(),
  clientId: v.string(),
  dns: v.boolean(),
  force: v.boolean(),
  hostname: v.picklist(LINK_FLAGS.hostname.choices),
  hostnameFile: v.string(),
  ipv4llMetadata: v.boolean(),
  ipv6Mostly: v.boolean(),
  metric: v.optional(v.number()),
  metricsDir: v.string(),
  mtu: v.boolean(),
  offerWindow: v.number(),
  onExpire: v.picklist(LINK_FLAGS['on-expire'].choices),
  option: texts,
  rapidCommit: v.boolean(),
  routes: v.boolean(),
  startupJitter: v.number(),
  strictRfc: v.boolean(),
  runDir: v.string(),
  stateDir: v.string(),
});
export type Flags = v.InferOutput<typeof Flags>;

export const AcquireFlags = v.object({
  ...Flags.entries,
  timeout: v.number(),
  carrierTimeout: v.number(),
});
export type AcquireFlags = v.InferOutput<typeof AcquireFlags>;

interface Flag {
  readonly type?: 'string' | 'number' | 'boolean';
  readonly array?: boolean;
  readonly default?: unknown;
}

const camel = (name: string): string =>
  name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/**
 * Reads a plain command line, `--flag=value` and `--no-flag`, as all manifests have it. Loading the parser that also
 * helps and explains would take longer than all else before the first packet, so that is for lines that are not
 * plain, or wrong: for those the answer is undefined.
 */
function readPlain(
  args: readonly string[],
  table: Readonly<Record<string, Flag>>,
): Record<string, unknown> | undefined {
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(table)) values[camel(name)] = flag.default;
  const given = new Set<string>();
  const lists = new Map<string, string[]>();
  for (const arg of args) {
    const read = readArgument(arg, table);
    if (read === undefined) return undefined;
    const [name, value, list] = read;
    if (!list && given.has(name)) return undefined;
    given.add(name);
    if (!list) values[name] = value;
    else lists.set(name, [...(lists.get(name) ?? []), String(value)]);
  }
  return { ...values, ...Object.fromEntries(lists) };
}

function readArgument(
  arg: string,
  table: Readonly<Record<string, Flag>>,
): readonly [name: string, value: string | number | boolean, list: boolean] | undefined {
  const [, word = '', , text] = /^--([a-z0-9-]+)(=(.*))?$/s.exec(arg) ?? [];
  const positive = word in table ? word : word.replace(/^no-/, '');
  const flag = table[positive];
  const value = flag && readValue(flag, word in table, text);
  return value === undefined ? undefined : [camel(positive), value, flag?.array === true];
}

/** `asked`: without a `no-` before it, which only a flag that takes no value may have. */
function readValue(
  { type }: Flag,
  asked: boolean,
  text: string | undefined,
): string | number | boolean | undefined {
  if (type === 'boolean') return text === undefined ? asked : undefined;
  if (!asked || text === undefined || text === '') return undefined;
  return type === 'number' ? Number(text) : text;
}

export const readPlainFlags = (args: readonly string[]): Flags | undefined =>
  checked(Flags, readPlain(args, LINK_FLAGS));

export const readPlainAcquireFlags = (args: readonly string[]): AcquireFlags | undefined =>
  checked(AcquireFlags, readPlain(args, ACQUIRE_FLAGS));

function checked<const Schema extends v.GenericSchema>(
  schema: Schema,
  input: unknown,
): v.InferOutput<Schema> | undefined {
  const result = v.safeParse(schema, input);
  return result.success ? result.output : undefined;
}
