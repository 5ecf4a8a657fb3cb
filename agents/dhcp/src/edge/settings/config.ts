import { existsSync } from 'node:fs';
import path from 'node:path';

import type { Logger, SettingFault } from '@kios/agent';
import type { SettingsRead } from '@kios/agent/settings-file';
import type { Link } from '@kios/netlink';

import type { Identity } from '../../core/client/requests.ts';
import type { Choice } from '../../core/kernel/links.ts';
import type { Override } from '../../core/network/client-settings.ts';
import { settings6Of } from '../../core/network/client6-settings.ts';
import type { LinkFlags } from '../../core/settings/flags.ts';
import {
  ConfigFile,
  type LinkSettings,
  resolveStrict,
  SETTINGS,
} from '../../core/settings/settings.ts';
import { pick } from '../../core/settings/table.ts';
import { OPTIONS } from '../../core/wire/options.ts';
import type { ClientOptions } from '../client/client-options.ts';
import { clientIdOf, machineId, nameIdentity, type NameIdentity } from './identity.ts';

const MIN_MESSAGE_SIZE = 576;
/** A part of the file does not count, or cannot be done on this machine. */
export const SETTING_FAULT = 'KIOS_DHCP_SETTING';

/** The checked command line and what is right in the file. */
export interface Config {
  readonly choice: Choice;
  readonly settings: LinkSettings;
  readonly file: ConfigFile;
  readonly hostFile: string;
  /** What is wrong in the file, and does not count. */
  readonly faults: readonly SettingFault[];
}

/** Init's copy of the file on the medium, which a person can correct, precedes that of the node's configuration. */
const filesOf = ({ config, hostFile }: LinkFlags): readonly string[] => [
  path.join(path.dirname(hostFile), 'dhcp.yaml'),
  config,
];

export async function readConfig(flags: LinkFlags): Promise<Config> {
  // Most nodes have no file. Without one no trip to the runtime's threads delays the first packet.
  const found = filesOf(flags).find((file) => existsSync(file));
  const { settings: file, faults } =
    found === undefined ? { settings: { interfaces: {} }, faults: [] } : await readFound(found);
  const { hostFile } = flags;
  return {
    choice: choiceOf(flags.interface, file),
    settings: pick(SETTINGS, flags),
    file,
    hostFile,
    faults,
  };
}

async function readFound(file: string): Promise<SettingsRead<ConfigFile>> {
  const { readSettingsFile } = await import('@kios/agent/settings-file');
  return readSettingsFile(ConfigFile, file, 'docs/dhcp.md');
}

/** Says which parts of the file do not count. */
export function reportFaults({ faults }: Config, log: Logger): void {
  for (const fault of faults) log.error({ ev: 'setting.fault', code: SETTING_FAULT, ...fault });
}

/** The links that the flags name, less those that the file turns off. */
function choiceOf(names: readonly string[], { interfaces }: ConfigFile): Choice {
  const isOn = (name: string): boolean => interfaces[name]?.enabled !== false;
  if (!names.includes('auto')) return { tag: 'named', names: names.filter(isOn) };
  return { tag: 'auto', except: Object.keys(interfaces).filter((name) => !isOn(name)) };
}

/** The settings of one link: its entry in the file takes precedence over the flags. */
export function settingsFor({ settings, file }: Config, link: string): LinkSettings {
  const { enabled: _, ...own } = file.interfaces[link] ?? { enabled: true };
  return resolveStrict({ ...settings, ...own });
}

/** Without a network file, or a word about the link in it. */
const asSet = (settings: LinkSettings): Override => ({
  settings,
  sent: [],
  useDomains: true,
  useNtp: true,
  ipv6: settings6Of(settings),
});

/** Says that the machine has no UUID to be known by. */
export function reportIdentity({ clientId }: LinkSettings, link: string, log: Logger): void {
  if (clientId !== 'uuid' || machineId() !== undefined) return;
  log.error({
    ev: 'setting.fault',
    code: SETTING_FAULT,
    link,
    path: 'clientId',
    why: 'this machine has no UUID: mac is used',
    remedy: 'Write mac, duid or hex:….',
  });
}

/** How the client of one link behaves. `metric` counts unless the settings have one. */
export function clientOptions(
  config: Config,
  link: Link,
  metric: number,
  listen: boolean,
  override: (settings: LinkSettings) => Override = asSet,
): ClientOptions {
  const { settings, sent, useDomains, useNtp, ipv6 } = override(settingsFor(config, link.name));
  const readName = (): NameIdentity => nameIdentity(settings.hostname, config.hostFile);
  return {
    settings,
    policy: { ...settings, identity: { ...identityOf(settings, link), ...readName(), sent } },
    readName,
    plan: { ...settings, metric: settings.metric ?? metric, mtuOnRoutes: false },
    isMetricSet: settings.metric !== undefined || override !== asSet,
    ipv6,
    hostFile: config.hostFile,
    listen,
    useDomains,
    useNtp,
  };
}

function identityOf(
  settings: LinkSettings,
  link: Link,
): Omit<Identity, keyof NameIdentity | 'sent'> {
  const { clientId, options, ipv6Mostly } = settings;
  const extra = Object.keys(options).map(Number);
  return {
    mac: link.mac,
    clientId: clientIdOf(clientId, link.mac),
    maxMessageSize: Math.max(MIN_MESSAGE_SIZE, Math.min(link.mtu, 0xffff)),
    extraOptions: ipv6Mostly ? [...extra, OPTIONS.ipv6Only.code] : extra,
  };
}
