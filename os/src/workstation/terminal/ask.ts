import { openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { ReadStream } from 'node:tty';

/** A person who can be asked. */
export interface Person extends Disposable {
  /** Prints a question to standard error and returns the line that the person types; nothing at the input’s end. */
  ask(question: string, signal: AbortSignal): Promise<string>;
}

/** Where a person types: standard input, or the terminal itself where standard input is in use. */
function keyboard(stdinIsUsed: boolean): ReadStream | undefined {
  if (!stdinIsUsed) return process.stdin.isTTY ? process.stdin : undefined;
  try {
    return new ReadStream(openSync('/dev/tty', 'r'));
  } catch {
    return undefined; // no terminal
  }
}

/** Returns the person at the terminal; undefined in a script. */
export function findPerson(stdinIsUsed: boolean): Person | undefined {
  const input = process.stderr.isTTY ? keyboard(stdinIsUsed) : undefined;
  if (input === undefined) return undefined;
  return {
    ask: async (question, signal) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      const line = createInterface({ input, output: process.stderr });
      const close = (): void => line.close();
      signal.addEventListener('abort', close, { once: true });
      // While readline reads, the terminal makes no signal of Ctrl-C.
      line.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
      line.once('close', () => resolve(''));
      line.question(question, resolve);
      const typed = await promise;
      signal.removeEventListener('abort', close);
      line.close();
      signal.throwIfAborted();
      return typed.trim();
    },
    [Symbol.dispose]: () => {
      if (input !== process.stdin) input.destroy();
    },
  };
}
