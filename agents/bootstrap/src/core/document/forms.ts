import { BootstrapError, fieldError } from '../faults/errors.ts';
import { isMap } from './schema-parts.ts';

const FORMS =
  'read are NodeBootstrap (kios.dev/v1), a kubeadm join line, JoinConfiguration (kubeadm.k8s.io/v1beta3 and v1beta4), NodeConfig (node.eks.aws/v1alpha1), MetadataInformation (kios.redcoat.dev/v1alpha1), and cloud-config or MIME that carries one of them';

/** The sections of our own document: whoever writes one of them means it. */
const SECTIONS = new Set(['cluster', 'auth', 'node', 'kubelet', 'sysctls', 'credentialProviders', 'registries', 'network', 'files']); // prettier-ignore

/** A secret may stand where a name belongs, so only what can be no secret is quoted. */
const isName = (text: string): boolean => /^[A-Za-z][A-Za-z0-9./_-]{0,60}$/.test(text);

function mapOf(input: Readonly<Record<string, unknown>>): string | undefined {
  const { apiVersion, kind } = input;
  const head = typeof apiVersion === 'string' && typeof kind === 'string' ? [apiVersion, kind] : [];
  if (head[0] === 'kios.dev/v1') return undefined;
  if (head.length > 0 && head.every(isName)) return head.join(' ');
  const keys = Object.keys(input);
  if (keys.some((key) => SECTIONS.has(key))) return undefined;
  const named = keys.filter(isName).slice(0, 3);
  return named.length === 0 ? 'a map' : `a map with ${named.join(', ')}`;
}

/** Returns what was found in place of a document; undefined of one that is meant as ours. */
function foundIn(input: unknown): string | undefined {
  if (isMap(input)) return mapOf(input);
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'string') return 'text';
  return input === null || input === undefined ? 'nothing' : `a ${typeof input}`;
}

/** Refuses what is in none of the forms, with the forms that are read. */
export function refuseOtherForms(source: string, input: unknown): void {
  const found = foundIn(input);
  if (found !== undefined) throw fieldError(`read ${source}: (top): found ${found}; ${FORMS}`);
}

/** The first line of a text is a key of YAML, behind comments and the mark of a document. */
const BEGINS_AS_YAML = /^(?:\s|---|#[^\n]*\n)*["']?[\w./-]+["']?[ \t]*:(?:\s|$)/;

/** Adds the forms that are read to a fault of YAML in a text that nothing shows to be meant as YAML. */
export function withForms(error: unknown, text: string): unknown {
  if (!(error instanceof BootstrapError) || BEGINS_AS_YAML.test(text)) return error;
  if (!/: line \d+, column \d+: /.test(error.message)) return error;
  return new BootstrapError(error.faultCode, `${error.message}; ${FORMS}`, { cause: error.cause });
}
