import { openDirect } from './direct-device.ts';
import { serveDevice } from './server.ts';

// Ctrl-C reaches every process of the terminal. This one stops when the command closes its input, between two writes.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

await serveDevice(process.stdin, process.stdout, openDirect);
process.exit();
