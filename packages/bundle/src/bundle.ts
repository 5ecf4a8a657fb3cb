import { copyFile, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

import { build, type Plugin } from 'esbuild';

/** What of a bundle loads koffi: the package itself, or our binding, which loads the native half straight away. */
const FFI = /^native:|packages\/syscall\/src\/libc\.ts$/;

/** koffi's JavaScript only searches for its native half; the bundle knows where that lies: beside itself. */
const nativeKoffi: Plugin = {
  name: 'native-koffi',
  setup(builder) {
    builder.onResolve({ filter: /^koffi$/ }, () => ({ path: 'koffi', namespace: 'native' }));
    builder.onLoad({ filter: /.*/, namespace: 'native' }, () => ({
      contents: "module.exports = require('./koffi.node');",
    }));
    builder.onResolve({ filter: /^\.\/koffi\.node$/, namespace: 'native' }, () => ({
      path: './koffi.node',
      external: true,
    }));
  },
};

/**
 * Tells the bundle where it lies. Bun's bytecode step would otherwise freeze `__dirname` to the folder of the build, so that neither
 * the native file were found nor two builds alike.
 */
const WHERE = `const __bundleFile=process.argv[1];const __bundleFolder=require('node:path').dirname(__bundleFile);const __bundleUrl=require('node:url').pathToFileURL(__bundleFile).href;`;

/** The host's native half of koffi, so that a bundle also runs where it was made (tests). */
function hostKoffi(): string {
  const name = `@koromix/koffi-linux-${process.arch}/package.json`;
  const home = path.dirname(createRequire(import.meta.url).resolve(name));
  return path.join(home, `linux_${process.arch}/koffi.node`);
}

/**
 * Bundles `<dir>/src/main.ts` into `agent.cjs` in `out`, `<dir>/dist` by default: one CommonJS file that runs under Node and Bun. esbuild does the bundling
 * for both, because Bun's own bundler would swap some packages for its built-in ones.
 */
export async function bundleAgent(dir: string, out = path.join(dir, 'dist')): Promise<string> {
  const outfile = path.join(out, 'agent.cjs');
  await mkdir(out, { recursive: true });
  const result = await build({
    entryPoints: [path.join(dir, 'src/main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    define: {
      'import.meta.url': '__bundleUrl',
      'import.meta.dirname': '__bundleFolder',
      __dirname: '__bundleFolder',
      __filename: '__bundleFile',
    },
    banner: { js: WHERE },
    plugins: [nativeKoffi],
    metafile: true,
    logLevel: 'error',
  });
  const usesKoffi = Object.keys(result.metafile.inputs).some((input) => FFI.test(input));
  if (usesKoffi) await copyFile(hostKoffi(), path.join(out, 'koffi.node'));
  return outfile;
}
