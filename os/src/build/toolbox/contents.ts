/** Programs of the toolbox by the Debian package that has them, as paths in the package. */
export const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  bash: ['usr/bin/bash'],
  'bind9-dnsutils': ['usr/bin/dig'],
  'busybox-static': ['usr/bin/busybox'],
  conntrack: ['usr/sbin/conntrack'],
  curl: ['usr/bin/curl'],
  e2fsprogs: ['usr/sbin/dumpe2fs'],
  ethtool: ['usr/sbin/ethtool'],
  iproute2: ['usr/bin/ip', 'usr/bin/ss', 'usr/sbin/bridge', 'usr/sbin/tc'],
  'iputils-arping': ['usr/bin/arping'],
  'iputils-ping': ['usr/bin/ping'],
  'iputils-tracepath': ['usr/bin/tracepath'],
  jq: ['usr/bin/jq'],
  kmod: ['usr/bin/kmod'],
  nftables: ['usr/sbin/nft'],
  openssl: ['usr/bin/openssl'],
  pciutils: ['usr/bin/lspci'],
  procps: ['usr/bin/free', 'usr/bin/ps', 'usr/bin/top', 'usr/bin/vmstat'],
  smartmontools: ['usr/sbin/smartctl'],
  strace: ['usr/bin/strace'],
  tcpdump: ['usr/bin/tcpdump'],
  'util-linux': [
    'usr/bin/dmesg', 'usr/bin/findmnt', 'usr/bin/lsblk', 'usr/bin/lscpu', 'usr/bin/lsns', 'usr/bin/nsenter', 'usr/bin/unshare',
    'usr/sbin/blkid',
  ],
}; // prettier-ignore

/** Programs that kmod is, by the name that it is started with. */
export const KMOD_NAMES: readonly string[] = ['lsmod', 'modinfo'];

/** Files that programs read, by package: descriptions of terminals, and names of devices. */
export const DATA: Readonly<Record<string, readonly string[]>> = {
  'ncurses-base': [
    'usr/share/terminfo/l/linux', 'usr/share/terminfo/s/screen', 'usr/share/terminfo/t/tmux', 'usr/share/terminfo/v/vt100',
    'usr/share/terminfo/x/xterm', 'usr/share/terminfo/x/xterm-256color',
  ],
  'pci.ids': ['usr/share/misc/pci.ids'],
}; // prettier-ignore

/** Packages of the libraries that the programs link against; others of their libraries are left out. */
export const LIBRARIES: readonly string[] = [
  'bind9-libs', 'ca-certificates', 'libblkid1', 'libbpf1', 'libbrotli1', 'libbsd0', 'libc6', 'libcap-ng0', 'libcap2', 'libcom-err2',
  'libcurl4t64', 'libdbus-1-3', 'libedit2', 'libelf1t64', 'libext2fs2t64', 'libffi8', 'libfstrm0', 'libgcc-s1', 'libgmp10',
  'libgnutls30t64', 'libgssapi-krb5-2', 'libhogweed6t64', 'libibverbs1', 'libidn2-0', 'libjansson4', 'libjemalloc2', 'libjq1',
  'libjson-c5', 'libk5crypto3', 'libkeyutils1', 'libkmod2', 'libkrb5-3', 'libkrb5support0', 'libldap2', 'liblmdb0', 'liblzma5',
  'libmaxminddb0', 'libmd0', 'libmnl0', 'libmount1', 'libncursesw6', 'libnetfilter-conntrack3', 'libnettle8t64', 'libnfnetlink0',
  'libnftables1', 'libnftnl11', 'libnghttp2-14', 'libnghttp3-9', 'libngtcp2-16', 'libngtcp2-crypto-gnutls8', 'libnl-3-200',
  'libnl-route-3-200', 'libonig5', 'libp11-kit0', 'libpcap0.8t64', 'libpci3', 'libpcre2-8-0', 'libproc2-0', 'libprotobuf-c1',
  'libpsl5t64', 'librtmp1', 'libsasl2-2', 'libselinux1', 'libsmartcols1', 'libssh2-1t64', 'libssl3t64', 'libstdc++6', 'libsystemd0',
  'libtasn1-6', 'libtinfo6', 'libtirpc3t64', 'libudev1', 'libunistring5', 'libunwind8', 'liburcu8t64', 'libuuid1', 'libuv1t64',
  'libxml2', 'libxtables12', 'libzstd1', 'zlib1g',
]; // prettier-ignore
