// Sends device events into the network namespace that it runs in: words `WHAT*COUNT`, one after the other.
import { setTimeout as delay } from 'node:timers/promises';

import { UeventSender } from './send-uevents.ts';

using sender = new UeventSender();
const event = (alias: string): string =>
  `add@/devices/test\0ACTION=add\0SUBSYSTEM=pci\0MODALIAS=${alias}\0`;

const SENDERS: Readonly<Record<string, (at: number) => void>> = {
  /** Devices of as many kinds. */
  kinds: (at) => sender.byKernel(event(`pci:${at}`.padEnd(1500, 'x'))),
  /** One device again and again, as a loose connection does. */
  same: () => sender.byKernel(event('usb:loose')),
  forged: (at) => sender.byProgram(Buffer.from(event(`forged:${at}`))),
  huge: () => sender.byProgram(Buffer.alloc(64 * 1024, 'x')),
  malformed: (at) => sender.byKernel('\0'.repeat(at % 100)),
};
/** Any other word is the alias of a device that appears. */
for (const word of process.argv.slice(2)) {
  const [what = '', count = '1'] = word.split('*');
  const send = SENDERS[what] ?? (() => sender.byKernel(event(what)));
  for (let at = 0; at < Number(count); at++) send(at);
}
process.stdout.write('sent\n');
// The last one again and again, because the kernel drops what comes while a receiver's buffer is full.
for (;;) {
  await delay(100);
  sender.byKernel(event(process.argv.at(-1) ?? ''));
}
