import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { execa } from 'execa';
import * as v from 'valibot';

import { checkDocumentParts, partFlags } from '../../build/settings/document-parts.ts';
import { bundleAgent } from '../../workstation/agent-bundle.ts';
import type { Progress } from '../../workstation/progress.ts';

const Fault = v.object({ code: v.string(), message: v.string(), remedy: v.optional(v.string()) });

/** The line with which an agent ends when it fails. */
const Failure = v.pipe(v.string(), v.parseJson(), v.object({ err: Fault }));

/** The answer of an agent that is asked for its verdict. */
const No = v.pipe(v.string(), v.parseJson(), v.object({ fault: Fault }));

const Warning = v.object({ path: v.string(), why: v.string() });

/** A bootstrap document as the agent reads it, with `…` for secrets. */
const DocumentCheck = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    encoding: v.string(),
    kind: v.optional(v.string()),
    complete: v.boolean(),
    document: v.unknown(),
    warnings: v.array(Warning),
  }),
);
export interface DocumentCheck extends v.InferOutput<typeof DocumentCheck> {
  /** What the static pods of the document can do beyond ordinary ones. */
  readonly podWarnings: readonly string[];
}

interface Check {
  readonly agent: 'bootstrap' | 'dhcp';
  /** The verb and its flags for a file. */
  readonly line: (file: string, folder: string) => readonly string[];
  readonly code: string;
  /** The name that messages have for the text. */
  readonly name: string;
  readonly content: Uint8Array;
  /** Looks at what the agent wrote into the folder. */
  readonly after?: (folder: string) => Promise<void>;
}

/** Returns what an agent says of a text, by its verdict or by its last line. */
function faultIn(output: string): v.InferOutput<typeof Fault> | undefined {
  const no = v.safeParse(No, output);
  if (no.success) return no.output.fault;
  const lines = output.split('\n').map((line) => v.safeParse(Failure, line));
  const said = lines.findLast(({ success }) => success);
  return said?.success === true ? said.output.err : undefined;
}

/** Returns the error of an agent that refused the text in a file, or found none in it that is for a node. */
function refusalOf(
  {
    code,
    name,
    exitCode,
  }: Pick<Check, 'code' | 'name'> & { readonly exitCode: number | undefined },
  output: string,
  file: string,
): KiosError {
  const { message, remedy } = faultIn(output) ?? { message: output, remedy: undefined };
  const isAbsent = exitCode === EXIT.no && remedy !== undefined;
  return new KiosError(code, `use ${name}: ${message.replaceAll(file, name)}`, {
    exitCode: EXIT.data,
    remedy: isAbsent ? remedy : 'Correct it: a node would refuse it.',
  });
}

/** Has an agent read a text with the very code that a node runs. Returns its output. */
async function ask(progress: Progress, check: Check): Promise<string> {
  const { agent, line, code, name, content, after } = check;
  const bundle = await bundleAgent(agent, progress);
  const folder = await mkdtemp(path.join(tmpdir(), `kios-${agent}-`));
  try {
    const file = path.join(folder, 'text');
    await writeFile(file, content, { mode: 0o600 });
    const { exitCode, stdout, stderr } = await execa(
      process.execPath,
      [bundle, ...line(file, folder)],
      // Nothing listens there: lines for a node's console are dropped.
      { reject: false, env: { KIOS_CONSOLE: path.join(folder, 'console.sock') } },
    );
    if (exitCode === 0) {
      await after?.(folder);
      return stdout;
    }
    throw refusalOf({ code, name, exitCode }, `${stdout}\n${stderr}`.trim(), file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const documentLine: Check['line'] = (file, folder) => [
  'check-userdata',
  file,
  ...partFlags(folder),
];
const dhcpLine: Check['line'] = (file, folder) => [
  'run',
  '--check',
  `--config=${file}`,
  // Init's copy of the medium's own settings would lie beside it.
  `--host-file=${path.join(folder, 'none', 'host.json')}`,
];

/** Checks a bootstrap document as the node would read it from the medium. */
export async function checkDocument(
  progress: Progress,
  name: string,
  content: Uint8Array,
): Promise<DocumentCheck> {
  const code = 'KIOS_BOOTSTRAP_CHECK';
  const podWarnings: string[] = [];
  const output = await ask(progress, {
    agent: 'bootstrap',
    line: documentLine,
    code,
    name,
    content,
    after: async (folder) => {
      podWarnings.push(...(await checkDocumentParts(progress, name, folder)));
    },
  });
  const check = v.parse(DocumentCheck, output);
  const { encoding } = check;
  if (encoding === 'plain') return { ...check, podWarnings };
  throw new KiosError(code, `use ${name}: it is ${encoding}, not plain text`, {
    exitCode: EXIT.data,
    remedy: 'Give a bootstrap document as plain text; docs/bootstrap.md has its forms.',
  });
}

/** Checks settings of network cards as the DHCP client would read them. */
export async function checkDHCP(
  progress: Progress,
  name: string,
  content: Uint8Array,
): Promise<void> {
  const code = 'KIOS_MEDIUM_NETWORK';
  await ask(progress, { agent: 'dhcp', line: dhcpLine, code, name, content });
}
