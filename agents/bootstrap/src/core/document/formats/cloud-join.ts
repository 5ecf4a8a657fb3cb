import { BootstrapError } from '../../faults/errors.ts';
import { isTemplate } from '../foreign.ts';
import type { Warning } from '../parsed-document.ts';
import { fromBase64, type Gunzip } from '../user-data.ts';
import { Binary, decodeText, MAX_TEXT } from '../yaml.ts';
import { nameOf, readCloudConfig, unusedKeys } from './cloud-config.ts';
import { fillDocuments, fillText, type MachineNames } from './template.ts';

/** What a reader knows besides the text. */
export interface Reader {
  readonly gunzip: Gunzip;
  readonly names: MachineNames;
}

/** A join that a text for cloud-init carries out: kubeadm's file, or its line. */
export interface CarriedJoin {
  readonly source: string;
  readonly text: string;
  /** The name that cloud-init gives the machine before. */
  readonly name: string | undefined;
  readonly warnings: readonly Warning[];
}

const bad = (source: string, why: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${source}: ${why}`);

interface File {
  readonly path: string;
  readonly content: string;
  readonly encoding: string;
  readonly isAppended: boolean;
  readonly isElsewhere: boolean;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A map, whose keys may be any. */
const fieldsOf = (value: unknown): ReadonlyMap<string, unknown> =>
  new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);

const filesOf = (config: Readonly<Record<string, unknown>>): readonly File[] =>
  listOf(config['write_files']).map((item) => {
    const fields = fieldsOf(item);
    const content = fields.get('content');
    const encoding = textOf(fields.get('encoding')).toLowerCase();
    return {
      path: textOf(fields.get('path')),
      content: content instanceof Binary ? content.base64 : textOf(content),
      encoding: content instanceof Binary && encoding === '' ? 'base64' : encoding,
      isAppended: fields.get('append') === true,
      isElsewhere: fields.has('source') && !fields.has('content'),
    };
  });

/** Decodes a file in cloud-init's encodings: base64, gzip, or gzip in base64. */
function decodeFile(source: string, { content, encoding }: File, gunzip: Gunzip): string {
  if (encoding === '' || encoding === 'text/plain') return content;
  const isZipped = /^gz(?:ip)?(?:\+|$)/.test(encoding);
  if (!isZipped && !/^(?:b64|base64)$/.test(encoding))
    throw bad(source, 'its encoding is not known');
  // What is only zipped is binary, which in YAML has no other form than base64.
  const bytes = fromBase64(content);
  if (bytes === undefined) throw bad(source, 'it is not the base64 that its encoding says');
  try {
    return decodeText(source, isZipped ? gunzip(bytes) : bytes);
  } catch (error) {
    if (error instanceof BootstrapError) throw error;
    throw bad(source, `its gzip data is broken, or more than ${MAX_TEXT} bytes unpacked`);
  }
}

/** The files that a text for cloud-init writes. */
class Files {
  readonly #source: string;
  readonly #gunzip: Gunzip;
  readonly #all: readonly File[];
  readonly paths: readonly string[];

  constructor(source: string, all: readonly File[], gunzip: Gunzip) {
    this.#source = source;
    this.#all = all;
    this.#gunzip = gunzip;
    this.paths = [...new Set(all.map(({ path }) => path).filter((path) => path !== ''))];
  }

  sourceOf(path: string): string {
    return `${this.#source}, ${path}`;
  }

  /** Returns the text of a file as it is after all entries; undefined when no entry writes it. */
  read(path: string): string | undefined {
    const entries = this.#all.filter((file) => file.path === path);
    if (entries.length === 0) return undefined;
    const source = this.sourceOf(path);
    if (entries.some(({ isElsewhere }) => isElsewhere))
      throw bad(source, 'its content is elsewhere, where a node does not look');
    return entries.reduce((before, file) => {
      const text = decodeFile(source, file, this.#gunzip);
      return file.isAppended ? before + text : text;
    }, '');
  }
}

/** A command is a text for a shell, or a list of arguments. */
const commandsOf = (config: Readonly<Record<string, unknown>>): readonly string[] =>
  listOf(config['runcmd'])
    .map((item) => (Array.isArray(item) ? item.map(textOf).join(' ') : textOf(item)))
    .filter((command) => command !== '');

const JOIN = /(?:^|[\s;&|("'/])kubeadm\s+join\s+([^\s;&|<>][^;&|<>]*)([;&|<>]?)/;

/** Takes off what belongs to the shell: the number of `2>`, and the quote that encloses the command. */
function argumentsOf(found: string, end: string): string {
  const args = (/[<>]/.test(end) ? found.replace(/\s\d$/, '') : found).trim();
  const isTorn = ((args.match(/["']/g) ?? []).length & 1) === 1;
  return isTorn ? args.replace(/["']$/, '') : args;
}

/** Returns the arguments of the first `kubeadm join` of a script, up to whatever ends the command. */
function joinIn(script: string): string | undefined {
  const lines = script.replaceAll(/\\\r?\n/g, ' ').split(/\r?\n/);
  const [, found, end] =
    lines
      .filter((line) => !line.trimStart().startsWith('#'))
      .map((line) => JOIN.exec(line))
      .find((match) => match !== null) ?? [];
  return found === undefined ? undefined : argumentsOf(found, end ?? '');
}

/** Returns the join of a script that is written and run. Other files may be anything. */
function joinInFile(files: Files, path: string): string | undefined {
  try {
    return joinIn(files.read(path) ?? '');
  } catch {
    return undefined;
  }
}

const CONFIG = /(?:^|\s)--config(?:=|\s+)["']?([^\s"']+)/;

/** The file that Cluster API writes, for a script of its own. */
const CABPK = /\/kubeadm-join-config\.ya?ml$/;

/**
 * Returns the arguments of the join that the commands carry out, by themselves or in a script that is written. Cluster
 * API's own file counts more than a join that reads none: its script gives the file to one of several phases only.
 */
function joinOf(commands: readonly string[], files: Files): string | undefined {
  const [direct] = commands.map(joinIn).filter((join) => join !== undefined);
  const found = direct ?? joinInScript(commands, files);
  const written = files.paths.find((path) => CABPK.test(path));
  const isOwn = written === undefined || (found !== undefined && CONFIG.test(found));
  return isOwn ? found : `--config ${written}`;
}

function joinInScript(commands: readonly string[], files: Files): string | undefined {
  const scripts = files.paths.filter((path) => commands.some((text) => text.includes(path)));
  const [inScript] = scripts
    .map((path) => joinInFile(files, path))
    .filter((join) => join !== undefined);
  return inScript;
}

/** Returns the file that a join reads, or the join as a line. */
function carriedBy(
  source: string,
  join: string,
  files: Files,
): Pick<CarriedJoin, 'source' | 'text'> {
  const file = CONFIG.exec(join)?.[1];
  if (file === undefined) return { source: `${source}, runcmd`, text: `kubeadm join ${join}` };
  const text = files.read(file);
  if (text !== undefined) return { source: files.sourceOf(file), text };
  throw bad(source, 'kubeadm join reads a --config file that write_files does not have');
}

const STATEMENT = 'its template has a statement ({% … %}), which only cloud-init carries out';

function fill(found: Pick<CarriedJoin, 'source' | 'text'>, names: MachineNames) {
  if (found.text.startsWith('kubeadm join')) {
    const text = fillText(found.text, names);
    if (text !== undefined) return { text, warnings: [] };
    throw bad(found.source, 'its template has a value that only cloud-init knows');
  }
  if (found.text.includes('{%')) throw bad(found.source, STATEMENT);
  return fillDocuments(found.source, found.text, names);
}

/** Names what else cloud-init would have done; placeholders of Cluster API are not worth it. */
function unused(
  config: Readonly<Record<string, unknown>>,
  commands: readonly string[],
  files: Files,
  read: string,
): readonly Warning[] {
  const others = files.paths.filter(
    (path) => !read.endsWith(`, ${path}`) && path !== '/run/cluster-api/placeholder',
  );
  const more = commands.filter((command) => joinIn(command) === undefined).length;
  return [
    ...others.map((path) => ({ path: `write_files ${path}`, why: 'it is not written' })),
    ...(more === 0 ? [] : [{ path: 'runcmd', why: `${more} other commands are not carried out` }]),
    ...unusedKeys(config, ['write_files', 'runcmd']),
  ];
}

/** Returns whether a text that is no YAML was meant to join a node. */
const meansJoin = (text: string): boolean => /\bkubeadm\s+join\b/.test(text);

function readConfig(source: string, text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return readCloudConfig(source, text);
  } catch (error) {
    if (!meansJoin(text)) return undefined; // It is cloud-init's text, so its faults are not the node's.
    throw isTemplate(text) && text.includes('{%') ? bad(source, STATEMENT) : error;
  }
}

/**
 * Finds the join in a text for cloud-init, as Cluster API's kubeadm provider writes it: a file in `write_files`, and
 * `kubeadm join --config` of it in `runcmd`. Nothing is executed. Undefined when there is none.
 */
export function findJoin(source: string, text: string, reader: Reader): CarriedJoin | undefined {
  const config = readConfig(source, text);
  if (config === undefined) return undefined;
  const files = new Files(source, filesOf(config), reader.gunzip);
  const commands = commandsOf(config);
  const join = joinOf(commands, files);
  if (join === undefined) return undefined;
  const found = carriedBy(source, join, files);
  const filled = isTemplate(text) ? fill(found, reader.names) : { text: found.text, warnings: [] };
  return {
    source: found.source,
    text: filled.text,
    name: nameOf(config),
    warnings: [...filled.warnings, ...unused(config, commands, files, found.source)],
  };
}
