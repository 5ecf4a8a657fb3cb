#!/bin/sh
# Records what Debian's udev makes of disks of every kind in an emulated machine, as testdata/udev.json, and runs
# TestOnAMachineWithUdev there: init's links have to be udev's, and to follow a disk that is formatted and one that goes.
#
#   record.sh KERNEL   KERNEL is a folder of a kernel of this repository: vmlinuz and modules/
#
# QEMU names the emulator (default: qemu-system-x86_64). It needs apt-get, dpkg, sfdisk, mke2fs, mkswap and go.
set -eu
kernel=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
chmod 755 . # apt-get downloads as another user
mkdir -p tools initrd/bin initrd/lib/udev/rules.d initrd/usr/lib initrd/etc initrd/m initrd/proc initrd/sys initrd/dev initrd/run initrd/tmp
apt-get download -q udev busybox-static xfsprogs dosfstools cryptsetup-bin libinih1 liburcu8 libcryptsetup12 libpopt0 libjson-c5 libdevmapper1.02.1
for package in *.deb; do dpkg -x "$package" tools; done
export PATH="$work/tools/sbin:$work/tools/usr/sbin:$PATH"
export LD_LIBRARY_PATH="$work/tools/lib/x86_64-linux-gnu:$work/tools/usr/lib/x86_64-linux-gnu"

# The initramfs: udev with its rules for disks, and the test.
cp tools/bin/busybox tools/bin/udevadm initrd/bin/
ln -s udevadm initrd/bin/systemd-udevd
ln -s ../../lib/udev initrd/usr/lib/udev
cp tools/lib/udev/ata_id tools/lib/udev/scsi_id tools/lib/udev/cdrom_id initrd/lib/udev/
for rules in 50-udev-default 60-persistent-storage 60-block 60-cdrom_id; do
  cp "$(find tools -name $rules.rules | head -1)" initrd/lib/udev/rules.d/
done
for program in tools/bin/udevadm tools/lib/udev/ata_id tools/lib/udev/scsi_id tools/lib/udev/cdrom_id; do
  ldd "$program" | grep -o '/lib[^ ]*'
done | sort -u | while read -r library; do mkdir -p "initrd$(dirname "$library")"; cp -L "$library" "initrd$library"; done
printf 'root:x:0:\ndisk:x:6:\ncdrom:x:24:\ntty:x:5:\n' > initrd/etc/group
echo root:x:0:0::/:/bin/sh > initrd/etc/passwd
for module in usb-common usbcore xhci-hcd xhci-pci usb-storage; do
  cp "$(find "$kernel/modules" -name $module.ko)" initrd/m/
done
(cd "$here" && CGO_ENABLED=0 go test -c -o "$work/initrd/bin/devlinks.test" .)
cat > initrd/init <<'INIT'
#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc p /proc; $B mount -t sysfs s /sys; $B mount -t devtmpfs d /dev; $B mount -t tmpfs r /run; $B mount -t tmpfs r /tmp
for m in usb-common usbcore xhci-hcd xhci-pci usb-storage; do $B insmod /m/$m.ko; done
tries=0; until [ -e /sys/class/block/sdf1 ] || [ $tries = 200 ]; do $B usleep 100000; tries=$((tries + 1)); done
/bin/systemd-udevd --daemon
/bin/udevadm trigger --action=add --subsystem-match=block --subsystem-match=scsi --subsystem-match=usb --subsystem-match=nvme
/bin/udevadm settle
/bin/udevadm control --exit
cd /tmp
KIOS_UDEV_RECORD=/tmp/udev.json KIOS_UDEV_DEVICE=vda2 KIOS_UDEV_GONE=sda /bin/devlinks.test -test.v -test.run TestOnAMachineWithUdev
$B cat /tmp/udev.json > /dev/ttyS1
$B poweroff -f
INIT
chmod +x initrd/init
(cd initrd && find . | "$work/tools/bin/busybox" cpio -o -H newc) > initrd.cpio

# File systems of Debian's tools, on partitions of both kinds and on whole disks.
mke2fs -q -t ext4 -L 'root fs/1' ext4.img 8M
truncate -s 320M xfs.img && mkfs.xfs -q -L xfs-label xfs.img
truncate -s 40M vfat.img && mkfs.vfat -n 'EFI DISK' vfat.img > /dev/null
truncate -s 8M swap.img && mkswap -q -L swap1 swap.img
truncate -s 32M luks.img
printf pw | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --label crypt1 luks.img -
truncate -s 480M gpt.img
printf 'label: gpt\nstart=2048,size=16384,name="Linux root"\nsize=655360,name="p/2"\nsize=81920,type=U,name="EFI"\nsize=16384,type=S\nsize=65536\n' | sfdisk -q gpt.img
start=2048
for part in ext4 xfs vfat swap luks; do
  dd if=$part.img of=gpt.img bs=512 seek=$start conv=notrunc status=none
  start=$((start + $(stat -c %s $part.img) / 512))
done
truncate -s 64M mbr.img
printf 'label: dos\nlabel-id: 0x1a2b3c4d\nstart=2048,size=16384,type=83\nsize=32768,type=5\nsize=8192,type=83\n' | sfdisk -q mbr.img
dd if=ext4.img of=mbr.img bs=512 seek=2048 conv=notrunc status=none
for disk in ns1 ns2 scsi0 scsi1 ahci usb hetzner ocean; do truncate -s 16M $disk.img; done
mke2fs -q -t ext2 -L n1 ns1.img
mke2fs -q -t ext4 -L both scsi0.img
mke2fs -q -t ext4 -L hcvol hetzner.img
printf 'label: gpt\nstart=2048,size=8192,name="on nvme"\n' | sfdisk -q ns2.img
printf 'label: gpt\nstart=2048,size=8192,name="on usb"\n' | sfdisk -q usb.img

drives=
for disk in gpt mbr scsi0 scsi1 hetzner ocean ns1 ns2 ahci usb; do
  drives="$drives -drive if=none,id=$disk,format=raw,file=$disk.img,cache=unsafe,snapshot=on"
done
unset LD_LIBRARY_PATH
# shellcheck disable=SC2086
timeout 300 ${QEMU:-qemu-system-x86_64} -machine q35 -cpu max -accel tcg -smp 1 -m 768 -nodefaults -display none -no-reboot \
  -kernel "$kernel/vmlinuz" -initrd initrd.cpio -append 'console=ttyS0 panic=-1 quiet' \
  -serial file:console.log -serial file:udev.json $drives \
  -device virtio-blk-pci,drive=gpt,serial=8f1c1b4e-5d4c-4c0a-9 -device 'virtio-blk-pci,drive=mbr,serial= a  b' \
  -device virtio-scsi-pci,id=vs \
  -device scsi-hd,bus=vs.0,scsi-id=0,lun=0,drive=scsi0,serial=SER1,wwn=0x5000c50015ea71ac \
  -device 'scsi-hd,bus=vs.0,scsi-id=0,lun=1,drive=scsi1,serial=SER 2' \
  -device scsi-hd,bus=vs.0,scsi-id=1,lun=0,drive=hetzner,vendor=HC,product=Volume,serial=12345678 \
  -device scsi-hd,bus=vs.0,scsi-id=2,lun=3,drive=ocean,vendor=DO,product=Volume,serial=pvc-1/x \
  -device nvme,id=nv,serial=vol0123456789abcdef0 -device nvme-ns,bus=nv,drive=ns1,nsid=1 -device nvme-ns,bus=nv,drive=ns2,nsid=2 \
  -device ide-hd,drive=ahci,bus=ide.2,serial=ATA-1,wwn=0x5000c50015ea71aa \
  -device qemu-xhci -device usb-storage,drive=usb,serial=USB1
cat console.log
grep -q '^--- PASS: TestOnAMachineWithUdev' console.log
cp udev.json "$here/testdata/udev.json"
