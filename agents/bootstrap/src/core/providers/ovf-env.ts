/** The values read from Azure's provisioning document, which also holds a password. */
export interface OvfEnvironment {
  readonly hostname: string | undefined;
  /** Base64, as in the document. */
  readonly customData: string | undefined;
}

function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<(?:\\w+:)?${name}>([^<]*)</(?:\\w+:)?${name}>`).exec(xml)?.[1]?.trim();
  return text === '' ? undefined : text;
}

/** Parses `ovf-env.xml`, which Azure gives a machine on a volume for its first start. */
export function parseOvfEnvironment(xml: string): OvfEnvironment {
  const said = xml.replaceAll(/<!--[^]*?-->/g, '');
  return { hostname: element(said, 'HostName'), customData: element(said, 'CustomData') };
}
