import { createLogger, type Logger } from '@kios/agent';

/** Who hears lines of a logger: all of them, as on standard output, or those that go to the node's console. */
interface Listener {
  readonly stdout?: (line: string) => unknown;
  readonly console?: (line: string) => unknown;
}

const nobody = (): void => {};

/** Returns a logger that nobody hears besides the listener. */
export const testLogger = ({ stdout = nobody, console = nobody }: Listener = {}): Logger =>
  createLogger('bootstrap', {
    console: { send: (line) => void console(line), close: () => Promise.resolve() },
    stdout: { write: stdout },
  });
