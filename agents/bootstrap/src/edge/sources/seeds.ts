import path from 'node:path';

import type { Logger } from '@kios/agent';

import { nameFromCloudConfig } from '../../core/document/formats/cloud-config.ts';
import { type MetaData, NO_META_DATA, parseMetaData } from '../../core/document/meta-data.ts';
import type { Part } from '../../core/document/parsed-document.ts';
import { decodeText } from '../../core/document/yaml.ts';
import { BootstrapError } from '../../core/faults/errors.ts';
import { parseOpenStack } from '../../core/providers/openstack.ts';
import { parseOvfEnvironment } from '../../core/providers/ovf-env.ts';
import type { SeedLabel } from '../../core/providers/seed-trust.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { MAX_SEED_FILE, type Origin, readUserData, REMEDIES } from './documents.ts';
import { type MachineFacts, machineFactsOf, NO_FACTS } from './machine-facts.ts';
import { readPlainFile } from './plain-file.ts';
import { FW_CFG, type Platform } from './platform.ts';
import type { Seed } from './seed-cache.ts';

/** The seeds of this machine. */
export interface Seeds {
  /** Stands in place of the metadata service; undefined when there is none. */
  readonly seed: Seed | undefined;
  /** Used when the metadata service does not answer or has no user data. */
  readonly fallback: Seed | undefined;
}

type Content = Omit<Seed, 'volume'>;

/** One volume, with its files at `dir`. */
interface Place {
  readonly dir: string;
  readonly platform: Platform;
  readonly log: Logger;
}

const readBytes = async ({ dir }: Place, file: string): Promise<Uint8Array | undefined> =>
  readPlainFile(path.join(dir, file), MAX_SEED_FILE, dir);

async function readText(place: Place, file: string): Promise<string | undefined> {
  const bytes = await readBytes(place, file);
  return bytes === undefined ? undefined : decodeText(path.join(place.dir, file), bytes);
}

async function readPart(
  place: Place,
  file: string,
  more: Pick<Origin, 'names' | 'salvage'>,
): Promise<Part | undefined> {
  const source = path.join(place.dir, file);
  const origin = { source, remedy: REMEDIES.volume, ...more };
  return readUserData(origin, await readBytes(place, file), place.log);
}

/** Reads NoCloud's meta-data. A fault in its text does not hold up the user data, which has a name of its own. */
async function readMetaData(place: Place): Promise<MetaData> {
  const source = path.join(place.dir, 'meta-data');
  const bytes = await readBytes(place, 'meta-data');
  if (bytes === undefined) return NO_META_DATA;
  const meta = parseMetaData(source, bytes);
  if (meta.fault === undefined) return meta;
  place.log.warn({ ev: meta.fault.fault.event, err: meta.fault });
  return { ...meta, instanceId: place.platform.lastInstanceId };
}

async function readCidata(place: Place): Promise<Content | undefined> {
  const { seed } = place.platform;
  const meta = await readMetaData(place);
  const instanceId = seed?.instanceId ?? meta.instanceId;
  const facts = {
    ...NO_FACTS,
    instanceId,
    isIdUnread: meta.fault !== undefined && !instanceId,
    hostname: seed?.hostname ?? meta.hostname,
  };
  const more = { names: facts, salvage: nameFromCloudConfig };
  return { facts, userData: await readPart(place, 'user-data', more) };
}

/**
 * Corrects DigitalOcean's volume, which is OpenStack's except for the providerID: the firmware has the droplet's
 * number.
 */
function ownFacts(facts: MachineFacts, { provider, dmi }: Platform): MachineFacts {
  if (provider !== 'digitalocean' || dmi.productSerial === '') return facts;
  const id = dmi.productSerial;
  return { ...facts, instanceId: id, providerID: `digitalocean://${id}` };
}

function parseConfigDrive(file: string, text: string, platform: Platform): MachineFacts {
  try {
    return ownFacts(machineFactsOf(parseOpenStack(text)), platform);
  } catch (cause) {
    const remedy = REMEDIES.volume;
    throw new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${file}`, { cause, remedy });
  }
}

async function readConfigDrive(place: Place): Promise<Content | undefined> {
  const metaFile = 'openstack/latest/meta_data.json';
  const text = await readText(place, metaFile);
  if (text === undefined) return undefined;
  const facts = parseConfigDrive(path.join(place.dir, metaFile), text, place.platform);
  return { facts, userData: await readPart(place, 'openstack/latest/user_data', { names: facts }) };
}

/** Reads Azure's custom data. The metadata service knows more about the machine, so it is asked as well. */
async function readOvfEnvironment(place: Place): Promise<Content | undefined> {
  const text = await readText(place, 'ovf-env.xml');
  if (text === undefined) return undefined;
  const { hostname, customData } = parseOvfEnvironment(text);
  const bytes = customData === undefined ? undefined : new TextEncoder().encode(customData);
  // The firmware has the same id as the metadata service.
  const facts = { ...NO_FACTS, hostname, instanceId: place.platform.dmi.productUuid };
  const source = path.join(place.dir, 'ovf-env.xml');
  const origin = { source, names: facts, remedy: REMEDIES.provider };
  return { facts, userData: readUserData(origin, bytes, place.log) };
}

const READERS: Readonly<Record<SeedLabel, (place: Place) => Promise<Content | undefined>>> = {
  cidata: readCidata,
  'config-2': readConfigDrive,
  azure: readOvfEnvironment,
};

async function readFwCfg({ firmware }: Settings, log: Logger): Promise<Seed | undefined> {
  const file = path.join(firmware, FW_CFG);
  const bytes = await readPlainFile(file, MAX_SEED_FILE);
  if (bytes === undefined) return undefined;
  return {
    facts: NO_FACTS,
    userData: readUserData({ source: file }, bytes, log),
    volume: undefined,
  };
}

const isFallback = ({ volume }: Seed): boolean => volume?.label === 'azure';

/** Reads the volumes that count, and the firmware's configuration when there is none. */
export async function readSeeds(
  settings: Settings,
  platform: Platform,
  log: Logger,
): Promise<Seeds> {
  const found: Seed[] = [];
  for (const volume of platform.volumes) {
    const dir = path.join(settings.seedDir, volume.label);
    const read = READERS[volume.label];
    const content = platform.kept ?? (await read({ dir, platform, log }));
    if (content !== undefined) found.push({ ...content, volume });
  }
  // The firmware is the hypervisor's, so it counts whatever cloud that is.
  const mayHaveFwCfg = !platform.isExplicit || platform.provider === 'fwcfg';
  return {
    seed:
      found.find((seed) => !isFallback(seed)) ??
      (mayHaveFwCfg ? await readFwCfg(settings, log) : undefined),
    fallback: found.find(isFallback),
  };
}
