/** A device of the machine that says what it is. */
export interface Device {
  /** Its folder in sysfs. */
  readonly path: string;
  /** What it is, as modules are asked for; ACPI devices have two. */
  readonly aliases: readonly string[];
}

/** The devices of the machine, as the loader needs them. */
export interface Devices {
  /** The devices of buses: quicker than `all`, and most of what it finds. */
  onBuses(): AsyncIterable<Device>;
  all(): AsyncIterable<Device>;
  /** Returns the driver of the device at a path; undefined while it has none. */
  driverOf(path: string): string | undefined;
  /** Names of devices for which the kernel asks user space for firmware. */
  awaitingFirmware(): readonly string[];
}

/** Returns every MODALIAS in the text of a `uevent` file: ACPI devices have two. */
export const modaliases = (uevent: string): string[] =>
  uevent.split('\n').flatMap((line) => (line.startsWith('MODALIAS=') ? [line.slice(9)] : []));
