/** Made-up secrets in all the forms in which a node may show one, by where they stand. None may be in a bundle. */
export const SECRETS = {
  bootstrapToken: '0123456789abcdef',
  webToken: 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl',
  environment: 'hunter2-environment',
  flag: 'hunter2-flag',
  nextWord: 'hunter2-next-word',
  annotation: 'hunter2-annotation',
  applied: 'hunter2-applied',
  header: 'hunter2-header',
  userinfo: 'hunter2-userinfo',
  query: 'hunter2-query',
  yaml: 'hunter2-yaml',
  json: 'hunter2-json',
  nested: 'hunter2-nested',
  bearer: 'hunter2.bearer/token=',
  basic: 'aHVudGVyMjpiYXNpYw==',
  key: 'MIIEvHunter2Key',
  cloudKey: 'AKIAHUNTER2HUNTER2XX',
  request: 'SHVudGVyMlJlcXVlc3Q',
  users: 'hunter2-of-a-user',
} as const;

const { nested } = SECRETS;

/** Lines of logs with all that is secret in a text. */
export const SECRET_LINES: readonly string[] = [
  `I1129 using token abcdef.${SECRETS.bootstrapToken} of bootstrap-kubelet.conf`,
  `Authorization: Bearer ${SECRETS.webToken}`,
  `authorization=Bearer ${SECRETS.bearer}`,
  `proxy-authorization: Basic ${SECRETS.basic}`,
  `GET https://user:${SECRETS.userinfo}@registry.example/v2/?x=1&token=${SECRETS.query}&y=2`,
  `password: ${SECRETS.yaml}`,
  `{"lvl":"info","secret":"${SECRETS.json}","n":1}`,
  `{"msg":"{\\"client-key-data\\": \\"${nested}\\"}"}`,
  `-----BEGIN EC PRIVATE KEY-----\n${SECRETS.key}\nAAAA\n-----END EC PRIVATE KEY-----`,
  `key ${SECRETS.cloudKey} was refused`,
  `kubelet --token ${SECRETS.nextWord} --v=2`,
];
