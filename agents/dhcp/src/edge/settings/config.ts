import { existsSync } from 'node:fs';

import { readYamlConfig } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';
import type { Link } from '@kios/netlink';
import * as v from 'valibot';

import type { Choice } from '../../core/kernel/links.ts';
import type { Flags } from '../../core/settings/flags.ts';
import { ConfigFile, LinkSettings, resolveStrict } from '../../core/settings/settings.ts';
import { OPTIONS } from '../../core/wire/options.ts';
import type { ClientOptions } from '../client/client-options.ts';
import { clientIdOf, readHostname } from './identity.ts';

const MIN_MESSAGE_SIZE = 576;

/** A flag's value makes no sense. */
class FlagError extends KiosError {
  constructor(message: string) {
    super('KIOS_USAGE', message, { exitCode: EXIT.usage, remedy: 'See --help.' });
  }
}

/** The command line and the file, checked. */
export interface Config {
  readonly choice: Choice;
  readonly settings: LinkSettings;
  readonly file: ConfigFile;
  readonly hostnameFile: string;
}

export async function readConfig(flags: Flags): Promise<Config> {
  const { hostnameFile } = flags;
  // Most nodes have none.
  const file = existsSync(flags.config)
    ? await readYamlConfig(ConfigFile, flags.config)
    : { interfaces: {} };
  const off = Object.entries(file.interfaces).flatMap(([name, { enabled }]) =>
    enabled ? [] : name,
  );
  const choice = parseChoice(flags.interface, off);
  return { choice, settings: parseSettings(flags), file, hostnameFile };
}

/** Which links the flags ask for, less those that the file turns off. */
function parseChoice(names: readonly string[], off: readonly string[]): Choice {
  for (const name of names) {
    // IFNAMSIZ less the NUL; the kernel refuses slashes and spaces.
    if (!/^[^\s/]{1,15}$/.test(name)) throw new FlagError(`use interface ${JSON.stringify(name)}`);
  }
  if (!names.includes('auto')) {
    return { tag: 'named', names: names.filter((name) => !off.includes(name)) };
  }
  if (names.length > 1) throw new FlagError('use interface auto beside others');
  return { tag: 'auto', except: off };
}

function parseSettings(flags: Flags): LinkSettings {
  const { offerWindow, startupJitter, option, ...same } = flags;
  const known = Object.entries(same).filter(([name]) => name in LinkSettings.entries);
  const options: Record<string, unknown> = {};
  for (const each of option) {
    const [code = '', type] = each.split('=', 2);
    options[code] = type;
  }
  const input = {
    ...Object.fromEntries(known),
    offerWindowMs: offerWindow,
    startupJitterSeconds: startupJitter,
    options,
  };
  const result = v.safeParse(LinkSettings, input);
  if (result.success) return result.output;
  const faults = result.issues.map((issue) => `${v.getDotPath(issue) ?? ''}: ${issue.message}`);
  throw new FlagError(`read flags: ${faults.join('; ')}`);
}

/** What holds for one link: its entry in the file goes before the flags. */
export function settingsFor({ settings, file }: Config, link: string): LinkSettings {
  const { enabled: _, ...own } = file.interfaces[link] ?? { enabled: true };
  return resolveStrict(v.parse(LinkSettings, { ...settings, ...own }));
}

/** How the client of one link behaves. */
export function clientOptions(
  config: Config,
  link: Link,
  metric: number,
  listen: boolean,
): ClientOptions {
  const settings = settingsFor(config, link.name);
  const { onExpire, arp, rapidCommit, broadcast, ipv6Mostly, hostname, routes, dns } = settings;
  const name = hostname === 'send' ? readHostname(config.hostnameFile) : undefined;
  const extra = Object.keys(settings.options).map(Number);
  return {
    listen,
    dns,
    force: settings.force,
    types: settings.options,
    policy: {
      onExpire,
      arp,
      rapidCommit,
      broadcast,
      ipv6Mostly,
      offerWindow: settings.offerWindowMs,
      startupJitter: settings.startupJitterSeconds * 1000,
      strict: settings.strictRfc,
      identity: {
        mac: link.mac,
        clientId: clientIdOf(settings.clientId, link.mac),
        hostname: name,
        wantsHostname: hostname !== 'off' && name === undefined,
        maxMessageSize: Math.max(MIN_MESSAGE_SIZE, Math.min(link.mtu, 0xffff)),
        extraOptions: ipv6Mostly ? [...extra, OPTIONS.ipv6Only.code] : extra,
      },
    },
    plan: {
      metric: settings.metric ?? metric,
      onExpire,
      routes,
      mtu: settings.mtu ? 'link' : 'off',
      linkLocal: settings.ipv4llMetadata,
    },
  };
}
