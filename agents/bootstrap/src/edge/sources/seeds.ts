import path from 'node:path';

import type { Logger } from '@kios/agent';

import { type MetaData, parseMetaData } from '../../core/document/document.ts';
import { nameFromCloudConfig } from '../../core/document/formats/cloud-config.ts';
import type { Part } from '../../core/document/parsed-document.ts';
import { decodeText } from '../../core/document/yaml.ts';
import { BootstrapError } from '../../core/faults/errors.ts';
import { parseOpenStack } from '../../core/providers/openstack.ts';
import { parseOvfEnvironment } from '../../core/providers/ovf-env.ts';
import type { SeedLabel } from '../../core/providers/seed-trust.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { MAX_SEED_FILE, readUserData, type Salvage } from './documents.ts';
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

async function readPart(place: Place, file: string, salvage?: Salvage): Promise<Part | undefined> {
  const source = path.join(place.dir, file);
  return readUserData(source, await readBytes(place, file), place.log, salvage);
}

async function readCidata(place: Place): Promise<Content | undefined> {
  const { seed } = place.platform;
  const text = await readText(place, 'meta-data');
  const none: MetaData = { instanceId: undefined, hostname: undefined };
  const meta = text === undefined ? none : parseMetaData(path.join(place.dir, 'meta-data'), text);
  const facts = {
    ...NO_FACTS,
    instanceId: seed?.instanceId ?? meta.instanceId,
    hostname: seed?.hostname ?? meta.hostname,
  };
  return { facts, userData: await readPart(place, 'user-data', nameFromCloudConfig) };
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

async function readConfigDrive(place: Place): Promise<Content | undefined> {
  const metaFile = 'openstack/latest/meta_data.json';
  const text = await readText(place, metaFile);
  if (text === undefined) return undefined;
  const userData = await readPart(place, 'openstack/latest/user_data');
  try {
    return { facts: ownFacts(machineFactsOf(parseOpenStack(text)), place.platform), userData };
  } catch (cause) {
    const file = path.join(place.dir, metaFile);
    throw new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${file}`, { cause });
  }
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
  return { facts, userData: readUserData(source, bytes, place.log) };
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
  return { facts: NO_FACTS, userData: readUserData(file, bytes, log), volume: undefined };
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
