import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { bundleAgent } from '../src/index.ts';
import { readVersion } from '../src/version.ts';

const run = promisify(execFile);

const start = async (bundle: string, ...args: string[]): Promise<string> =>
  (await run(process.execPath, [bundle, ...args])).stdout;

let agent: string;

beforeEach(async () => {
  agent = await mkdtemp(path.join(tmpdir(), 'kios-bundle-'));
  await file('package.json', '{"type":"module"}');
});
afterEach(() => rm(agent, { recursive: true }));

async function file(name: string, text: string): Promise<void> {
  const where = path.join(agent, name);
  await mkdir(path.dirname(where), { recursive: true });
  await writeFile(where, text);
}

describe('a package that an agent imports on demand', () => {
  beforeEach(async () => {
    await file('node_modules/@far/away/package.json', '{"type":"module","exports":"./away.js"}');
    await file(
      'node_modules/@far/away/away.js',
      `import { here } from 'near'; process.stdout.write('loaded '); export default () => here; export const named = 'named';`,
    );
    await file('node_modules/near/package.json', '{}');
    await file('node_modules/near/index.js', `exports.here = 'here';`);
    await file(
      'src/main.ts',
      `async function main() {
        const near = await import('near');
        if (process.argv[2] !== 'far') return console.log(near.here);
        const { default: away, named } = await import('@far/away');
        console.log(away(), named);
      }
      void main();`,
    );
  });
  it('is a file beside the agent and is loaded only when it is needed', async () => {
    const bundle = await bundleAgent(agent);
    expect(await readdir(path.dirname(bundle))).toEqual(['agent.cjs', 'far-away.cjs', 'near.cjs']);
    expect(await start(bundle)).toBe('here\n');
    expect(await start(bundle, 'far')).toBe('loaded here named\n');
  });

  it('has no copy of another such package', async () => {
    const bundle = await bundleAgent(agent);
    const away = await readFile(path.join(path.dirname(bundle), 'far-away.cjs'), 'utf8');
    expect(away).toContain('require("./near.cjs")');
  });

  it('leaves no file behind when the agent no longer imports it', async () => {
    await bundleAgent(agent);
    await file('src/main.ts', `console.log('alone')`);
    const bundle = await bundleAgent(agent);
    expect(await readdir(path.dirname(bundle))).toEqual(['agent.cjs']);
    expect(await start(bundle)).toBe('alone\n');
  });

  it('knows the version in version.json', async () => {
    await file('src/main.ts', 'console.log(KIOS_VERSION)');
    expect(await start(await bundleAgent(agent))).toBe(`${await readVersion()}\n`);
  });

  it('fails the bundling, not the node, when it is missing', async () => {
    await rm(path.join(agent, 'node_modules/near'), { recursive: true });
    await expect(bundleAgent(agent)).rejects.toThrow('near');
  });
});

describe('own modules that an agent imports on demand', () => {
  beforeEach(async () => {
    await file(
      'src/main.ts',
      `import { count, Same } from './both.ts';
      async function main() {
        count();
        if (process.argv[2] !== 'later') return console.log(typeof Same);
        const { first } = await import('./first.ts');
        await first();
      }
      void main();`,
    );
    await file(
      'src/both.ts',
      `let counted = 0;
      export const count = (): number => ++counted;
      export class Same {}
      export const onlyLater = (): string => tag();
      const tag = (): string => 'only later';`,
    );
    await file(
      'src/first.ts',
      `import { count, onlyLater, Same as Alike } from './both.ts';
      export async function first() {
        const { second } = await import('./deep/second.ts');
        console.log(count(), onlyLater(), second(new Alike()));
      }`,
    );
    await file(
      'src/deep/second.ts',
      `import { Same } from '../both.ts';
      export const second = (it: unknown): boolean => it instanceof Same;`,
    );
  });

  it('are one file beside it, which is loaded only when it is needed', async () => {
    const bundle = await bundleAgent(agent);
    expect(await readdir(path.dirname(bundle))).toEqual(['agent.cjs', 'later.cjs']);
    expect(await readFile(bundle, 'utf8')).not.toContain('instanceof Same');
    await rm(path.join(path.dirname(bundle), 'later.cjs'));
    expect(await start(bundle)).toBe('function\n');
  });

  it('share state and classes with the others', async () => {
    expect(await start(await bundleAgent(agent), 'later')).toBe('2 only later true\n');
  });

  it('make the same bytes in every folder', async () => {
    const bundle = await bundleAgent(agent);
    const other = `${agent}-again`;
    await cp(agent, other, { recursive: true });
    const again = await bundleAgent(other);
    for (const name of ['agent.cjs', 'later.cjs'])
      expect(await readFile(path.join(path.dirname(again), name), 'utf8')).toBe(
        await readFile(path.join(path.dirname(bundle), name), 'utf8'),
      );
    await rm(other, { recursive: true });
  });
});

it('the logger works without the parts that agents do not use, which are not in the bundle', async () => {
  const pino = JSON.stringify(createRequire(import.meta.url).resolve('pino'));
  await file(
    'src/main.ts',
    `import { pino } from ${pino};
    pino({ base: {}, timestamp: false }, { write: (line) => process.stdout.write(line) }).info({ ev: 'x' });`,
  );
  const bundle = await bundleAgent(agent);
  expect(await start(bundle)).toBe('{"level":30,"ev":"x"}\n');
  expect(await readFile(bundle, 'utf8')).not.toMatch(
    /WRITE_INDEX|redactWildcardPath|SonicBoom supports|getCallSites|require\("worker_threads/,
  );
});
