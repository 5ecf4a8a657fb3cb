import { DecodeError } from '@kios/bytes';
import * as v from 'valibot';

/** The annotation of a CertificateSigningRequest that has the report. */
export const ANNOTATION = 'kios.dev/attestation';

/** A report is in the annotations of an object, which Kubernetes bounds to so many bytes. */
const MAX_TEXT = 256 * 1024;

const Bytes = v.pipe(
  v.string(),
  v.regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  v.transform((text) => new Uint8Array(Buffer.from(text, 'base64'))),
);

/** What a TPM says of the system that runs, as init hands it out (docs/host-api.md section 12). */
export const Report = v.object({
  v: v.literal(1),
  /** The attestation key, TPMT_PUBLIC. */
  public: Bytes,
  /** TPMS_ATTEST. */
  attested: Bytes,
  /** The numbers r and s. */
  signature: v.pipe(Bytes, v.length(64)),
  /** The PCRs by number. */
  pcrs: v.record(v.pipe(v.string(), v.regex(/^(?:\d|1\d|2[0-3])$/)), v.pipe(Bytes, v.length(32))),
  /** What was measured, in TCG's form: all of it from init, and only the PCRs that are judged in an annotation. */
  log: Bytes,
});
export type Report = v.InferOutput<typeof Report>;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Returns the text of an annotation. */
export function formatReport(report: Report): string {
  const pcrs: Record<string, string> = {};
  for (const [pcr, value] of Object.entries(report.pcrs)) pcrs[pcr] = base64(value);
  return JSON.stringify({
    v: 1,
    public: base64(report.public),
    attested: base64(report.attested),
    signature: base64(report.signature),
    pcrs,
    log: base64(report.log),
  });
}

/** Reads the text of an annotation. Rejects with a DecodeError what is not a report. */
export function parseReport(text: string): Report {
  if (text.length > MAX_TEXT) throw new DecodeError('decode a report: it is too long');
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Report), text);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue) ?? 'its text';
  throw new DecodeError(`decode a report: ${path} is not as it should be`);
}
