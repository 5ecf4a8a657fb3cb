import type { Device, Devices } from '../../src/core/devices/device.ts';

/** A machine in memory: each alias is a device of its own. */
export class FakeDevices implements Devices {
  /** Called at each walk. */
  aliases: () => readonly string[] = () => [];
  readonly drivers = new Map<string, string>();
  firmware: readonly string[] = [];
  walks = 0;

  static path = (alias: string): string => `/sys/devices/${alias}`;

  async *all(): AsyncGenerator<Device> {
    this.walks++;
    for (const alias of this.aliases()) yield { path: FakeDevices.path(alias), aliases: [alias] };
  }

  onBuses = (): AsyncIterable<Device> => this.all();

  driverOf = (path: string): string | undefined => this.drivers.get(path);

  awaitingFirmware = (): readonly string[] => this.firmware;
}
