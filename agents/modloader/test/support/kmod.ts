import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Arguments of one process: many, so that all the aliases of a kernel take seconds. */
const AT_ONCE = 2000;

/**
 * kmod's modprobe, asked about many names in one process. Between two names it is asked for one that the configuration
 * here defines, whose answer tells where the next begins.
 */
export class Kmod {
  readonly #command: readonly string[];
  readonly #tree: readonly string[];

  /** `folder` is `…/lib/modules/<version>`; `scratch` is for the configuration, which has nothing else. */
  constructor(command: readonly string[], folder: string, scratch: string) {
    const config = path.join(scratch, 'kmod.d');
    mkdirSync(config, { recursive: true });
    const lines = ['alias kios_mark kios_mark_end', 'install kios_show kios_show_end'];
    writeFileSync(path.join(config, 'marks.conf'), `${lines.join('\n')}\n`);
    this.#command = command;
    const root = path.resolve(folder, '../../..');
    this.#tree = ['-q', '-C', config, '-d', root, '-S', path.basename(folder), '-a'];
  }

  /** Returns the modules that each alias names (`--resolve-alias`), each once. */
  resolve(aliases: readonly string[]): string[][] {
    return this.#ask('-R', aliases, 'kios_mark', 'kios_mark_end');
  }

  /** Returns the lines of `--show-depends` for each name. */
  showDepends(names: readonly string[]): string[][] {
    return this.#ask('-D', names, 'kios_show', 'install kios_show_end');
  }

  #ask(flag: string, names: readonly string[], mark: string, end: string): string[][] {
    const answers: string[][] = [];
    for (let from = 0; from < names.length; from += AT_ONCE) {
      const part = names.slice(from, from + AT_ONCE);
      const questions = part.flatMap((name) => [name, mark]);
      answers.push(...this.#run([...this.#tree, flag, '--', ...questions], end));
    }
    return answers;
  }

  #run(args: readonly string[], end: string): string[][] {
    const [file = '', ...before] = this.#command;
    const options = { encoding: 'latin1', maxBuffer: 1024 ** 3 } as const;
    const { stdout, error } = spawnSync(file, [...before, ...args], options);
    if (error !== undefined) throw error;
    const answers: string[][] = [];
    let lines = new Set<string>();
    for (const line of stdout.split('\n')) {
      if (line.trim() !== end) lines.add(line.trim());
      else {
        answers.push([...lines]);
        lines = new Set();
      }
    }
    return answers;
  }
}
