const LOOK_MS = 10_000;
/** Addresses of the kernel of x86_64 begin so. Firmware sleeps where it likes, also while it serves an interrupt. */
const ASLEEP = /^RIP=ffffffff[0-9a-f]{8} RFL=([0-9a-f]{8}).*\bHLT=1$/m;
const INTERRUPTS_ALLOWED = 1 << 9;
const IN_SERVICE = /^ISR\s+(\d+)/m;

/** Runs a QMP command of one machine. */
export type Ask = (command: string, args?: Readonly<Record<string, string>>) => Promise<unknown>;

/** Returns the numbers of the processors that sleep in Linux until an interrupt, from `info registers -a`. */
function asleepInLinux(registers: string): number[] {
  const [, ...processors] = registers.split(/^CPU#(?=\d)/m);
  return processors.flatMap((text) => {
    const flags = ASLEEP.exec(text)?.[1];
    const waits = flags !== undefined && (Number.parseInt(flags, 16) & INTERRUPTS_ALLOWED) !== 0;
    return waits ? [Number.parseInt(text, 10)] : [];
  });
}

/**
 * Returns which interrupt an emulated PC has lost, in words; undefined of none. Linux ends each interrupt before it
 * sleeps. A processor that sleeps with one in service took it from its APIC and never ran the handler; it gets no other
 * of that class or below, so not even its timer's. QEMU does so to a processor in about one boot of a hundred when the
 * workstation is busy.
 */
export async function lostInterrupt(ask: Ask): Promise<string | undefined> {
  const monitor = async (line: string): Promise<string> =>
    String(await ask('human-monitor-command', { 'command-line': line }));
  for (const processor of asleepInLinux(await monitor('info registers -a'))) {
    const vector = IN_SERVICE.exec(await monitor(`info lapic ${processor}`))?.[1];
    if (vector !== undefined) return `vector ${vector} of processor ${processor}`;
  }
  return undefined;
}

/**
 * Resets a machine in which two looks find the same lost interrupt, and says so to `told`. Goes on until `signal`
 * aborts, because a machine may start many times.
 */
export function resetWhenStuck(ask: Ask, signal: AbortSignal, told: (line: string) => void): void {
  let before: string | undefined;
  const look = async (): Promise<void> => {
    const lost = await lostInterrupt(ask);
    const again = lost !== undefined && lost === before;
    before = lost;
    if (!again) return;
    await ask('system_reset');
    before = undefined;
    told(`QEMU lost an interrupt (${lost}), as no machine does: it was reset`);
  };
  const turn = async (): Promise<void> => {
    // A machine that is off, or busy with another command, is looked at again.
    await look().catch(() => {});
    wait();
  };
  const wait = (): void => {
    if (!signal.aborted) setTimeout(() => void turn(), LOOK_MS).unref();
  };
  wait();
}
