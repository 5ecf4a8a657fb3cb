import type { ModprobeConfig } from '../index/modprobe-config.ts';
import type { ModuleIndex } from '../index/module-index.ts';
import { nameOfFile } from '../index/module-name.ts';
import type { Kernel, ModuleState } from '../loading/kernel.ts';
import { denial, paramsOf, type Policy, serves } from '../policy/policy.ts';
import type { Device, Devices } from './device.ts';

/** What explains why a device has a driver, or none. */
export interface Facts {
  readonly index: ModuleIndex;
  readonly policy: Policy;
  readonly config: ModprobeConfig;
  readonly kernel: Kernel;
  readonly devices: Devices;
}

/** Why one module is loaded, or is not. */
export interface Reasons {
  readonly name: string;
  readonly state: ModuleState;
  /** Below the modules folder; absent for what is built in. */
  readonly file?: string;
  readonly params?: string;
  /** The rule that keeps it from its devices. */
  readonly rule?: string;
  readonly devices: readonly { device: string; alias: string; driver?: string }[];
  /** Modules in memory that need it. */
  readonly neededBy: readonly string[];
}

/** Explains each of `names`, with one walk over the devices. */
export async function explainModules(
  facts: Facts,
  names: readonly string[],
): Promise<readonly Reasons[]> {
  const found = new Map<string, Reasons['devices'][number][]>(names.map((name) => [name, []]));
  for await (const { path, aliases } of facts.devices.all()) {
    for (const alias of aliases) {
      const driver = facts.devices.driverOf(path);
      const seen = { device: path, alias, ...(driver !== undefined && { driver }) };
      for (const name of facts.index.lookup(alias)?.names ?? []) found.get(name)?.push(seen);
    }
  }
  return names.map((name) => reasonsOf(facts, name, found.get(name) ?? []));
}

function reasonsOf(facts: Facts, name: string, devices: Reasons['devices']): Reasons {
  const { index, policy, config, kernel } = facts;
  const file = index.module(name)?.file;
  const params = paramsOf(policy, config, name);
  const rule = denial(policy, config, name, 'alias');
  const needs = (other: string): boolean =>
    (index.module(other)?.needs ?? []).some((need) => nameOfFile(need) === name);
  return {
    name,
    state: kernel.state(name),
    ...(file !== undefined && { file }),
    ...(params !== '' && { params }),
    ...(rule !== undefined && { rule }),
    devices,
    neededBy: kernel.loaded().filter(needs),
  };
}

/** A device without a driver. */
export interface Driverless {
  readonly device: string;
  readonly aliases: readonly string[];
  readonly why: string;
  /** Modules of this image that claim it. */
  readonly modules: readonly string[];
  /** Modules of the complete set that claim it. */
  readonly fits: readonly string[];
}

/** Buses whose devices have drivers; what firmware describes (ACPI, platform) often has none. */
const HARDWARE = /^(pci|usb|virtio|sdio|mmc|scsi|hid|hdaudio|vmbus|xen|of|i2c|spi|mdio|ssb|bcma):/;
/** Bridges to the processor and to ISA (PCI classes 0600 and 0601), which the kernel serves without a driver. */
const BRIDGE = /^pci:.*bc06sc0[01]/;

/** Yields devices without a driver, with what is known of it. `all` is the index of a complete set of modules. */
export async function* findDriverless(facts: Facts, all?: ModuleIndex): AsyncGenerator<Driverless> {
  for await (const device of facts.devices.all()) {
    if (facts.devices.driverOf(device.path) !== undefined) continue;
    const found = diagnose(facts, device, all);
    if (found !== undefined) yield found;
  }
}

const namesIn = (index: ModuleIndex | undefined, aliases: readonly string[]): string[] => [
  ...new Set(aliases.flatMap((alias) => index?.lookup(alias)?.names ?? [])),
];

function diagnose(
  facts: Facts,
  { path: device, aliases }: Device,
  all: ModuleIndex | undefined,
): Driverless | undefined {
  const modules = namesIn(facts.index, aliases);
  const fits = namesIn(all, aliases).filter((name) => !modules.includes(name));
  const isHardware = aliases.some((alias) => HARDWARE.test(alias) && !BRIDGE.test(alias));
  if (modules.length === 0 && fits.length === 0 && !isHardware) return undefined;
  return { device, aliases, modules, fits, why: whyDriverless(facts, aliases, modules, fits) };
}

function whyDriverless(
  { policy, config, kernel }: Facts,
  aliases: readonly string[],
  modules: readonly string[],
  fits: readonly string[],
): string {
  if (modules.length === 0)
    return fits.length === 0 ? 'no module is known for it' : 'its module is not in this image';
  if (!aliases.some((alias) => serves(policy, alias))) return 'coldplug leaves it out';
  const denied = modules.map((name) => denial(policy, config, name, 'alias'));
  if (denied.every((rule) => rule !== undefined)) return `denied by ${denied[0]}`;
  const isLoaded = modules.some((name) => kernel.state(name) !== 'absent');
  return isLoaded ? 'its driver is loaded and has not taken it' : 'its module is not loaded';
}
