/**
 * Makes a kernel module as depmod and modinfo see it: a relocatable ELF file with nothing but its description, such as
 * `alias=pci:v*`.
 */
export function makeModule(about: readonly string[]): Buffer {
  const names = '\0.modinfo\0.shstrtab\0.strtab\0.symtab\0';
  const info = Buffer.from(about.map((each) => `${each}\0`).join(''), 'latin1');
  const parts = [
    { name: '.modinfo', type: 1, content: info, size: 0 },
    { name: '.shstrtab', type: 3, content: Buffer.from(names, 'latin1'), size: 0 },
    { name: '.strtab', type: 3, content: Buffer.alloc(1), size: 0 },
    // One symbol, the one that every table begins with.
    { name: '.symtab', type: 2, content: Buffer.alloc(24), size: 24 },
  ];
  const head = Buffer.alloc(64);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  head.writeUInt16LE(1, 16); // relocatable
  head.writeUInt16LE(62, 18); // x86-64
  head.writeUInt32LE(1, 20);
  head.writeUInt16LE(64, 52);
  head.writeUInt16LE(64, 58);
  head.writeUInt16LE(parts.length + 1, 60);
  head.writeUInt16LE(2, 62);
  const headers = [Buffer.alloc(64)];
  let at = 64;
  for (const { name, type, content, size } of parts) {
    const header = Buffer.alloc(64);
    header.writeUInt32LE(names.indexOf(name), 0);
    header.writeUInt32LE(type, 4);
    header.writeBigUInt64LE(BigInt(at), 24);
    header.writeBigUInt64LE(BigInt(content.length), 32);
    if (type === 2) header.writeUInt32LE(3, 40);
    header.writeBigUInt64LE(1n, 48);
    header.writeBigUInt64LE(BigInt(size), 56);
    headers.push(header);
    at += content.length;
  }
  head.writeBigUInt64LE(BigInt(at), 40);
  return Buffer.concat([head, ...parts.map(({ content }) => content), ...headers]);
}
