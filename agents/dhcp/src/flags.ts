import type { Argv } from '@kios/agent';
import { STATE } from '@kios/node-state';

/** Flags of the verbs that configure links. The type of the arguments is what yargs infers from this list. */
export const linkFlags = (args: Argv) =>
  folderFlags(args)
    .option('interface', { type: 'string', array: true, default: ['auto'] })
    .option('config', {
      type: 'string',
      default: '/host/etc/kios/dhcp.yaml',
      describe: 'what differs on single links',
    })
    .option('arp', {
      choices: ['full', 'fast', 'none'] as const,
      default: 'fast',
      describe: 'look for other users of the address before it is used, meanwhile, or not',
    })
    .option('broadcast', { type: 'boolean', default: false, describe: 'ask for broadcast answers' })
    .option('client-id', {
      type: 'string',
      default: 'mac',
      describe: 'mac, duid, uuid, none or hex:…',
    })
    .option('dns', { type: 'boolean', default: true })
    .option('force', {
      type: 'boolean',
      default: false,
      describe: 'serve a link that has an address of somebody else too',
    })
    .option('hostname', { choices: ['send', 'request', 'off'] as const, default: 'send' })
    .option('hostname-file', { type: 'string', default: '/host/etc/hostname' })
    .option('ipv6-mostly', { type: 'boolean', default: false, describe: 'heed option 108' })
    .option('metric', { type: 'number', describe: 'of routes; 100, 110, … by default' })
    .option('mtu', { type: 'boolean', default: true })
    .option('offer-window', { type: 'number', default: 0, describe: 'milliseconds' })
    .option('on-expire', { choices: ['keep', 'drop'] as const, default: 'keep' })
    .option('option', {
      type: 'string',
      array: true,
      default: [],
      describe: 'CODE=TYPE, to ask for',
    })
    .option('rapid-commit', { type: 'boolean', default: true })
    .option('routes', { type: 'boolean', default: true })
    .option('startup-jitter', { type: 'number', default: 0, describe: 'seconds' })
    .option('strict-rfc', { type: 'boolean', default: false, describe: 'see --deviations' });

/** Where the files are. */
export const folderFlags = (args: Argv) =>
  args
    .option('run-dir', { type: 'string', default: STATE.netDir })
    .option('state-dir', { type: 'string', default: '/var/lib/kios/dhcp' });

/** What yargs makes of `linkFlags`. */
export interface Flags {
  readonly interface: readonly string[];
  readonly config: string;
  readonly arp: string;
  readonly broadcast: boolean;
  readonly clientId: string;
  readonly dns: boolean;
  readonly force: boolean;
  readonly hostname: string;
  readonly hostnameFile: string;
  readonly ipv6Mostly: boolean;
  readonly metric: number | undefined;
  readonly mtu: boolean;
  readonly offerWindow: number;
  readonly onExpire: string;
  readonly option: readonly string[];
  readonly rapidCommit: boolean;
  readonly routes: boolean;
  readonly startupJitter: number;
  readonly strictRfc: boolean;
  readonly runDir: string;
  readonly stateDir: string;
}
