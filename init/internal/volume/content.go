package volume

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Content is what a device holds, by the names that blkid has for it. The zero Content is unknown or ambiguous.
type Content struct {
	Kind  string // "ext4" for ext2 and ext3 too, "xfs", "btrfs", "vfat", "iso9660", "swap", "crypto_LUKS", "LVM2_member"
	UUID  string // of a file system, swap space or encrypted volume
	Label string
	PV    string // the identifier of an LVM physical volume
}

// headBytes hold the superblocks of all known kinds but those at the end of a device.
const headBytes = 72 << 10

// ReadContent identifies what a device of this size holds. Several signatures, as those an older file system leaves
// behind, are ambiguous: blkid's safe probing gives no answer then, because a mount could take the wrong one. A member
// of a RAID array shows its file system to nobody.
func ReadContent(device io.ReaderAt, size int64) (Content, error) {
	head := make([]byte, min(headBytes, max(size, 0)))
	if n, err := device.ReadAt(head, 0); err != nil && err != io.EOF {
		return Content{}, err
	} else {
		head = head[:n]
	}
	if isRAID(head, device, size) {
		return Content{}, nil
	}
	var found []Content
	for _, parse := range []func(super) (Content, bool){ext, xfs, btrfs, swap, luks, lvm, fat, disc} {
		if content, ok := parse(super{head, device}); ok {
			found = append(found, content)
		}
	}
	if len(found) != 1 {
		return Content{}, nil
	}
	return found[0], nil
}

// super gives the head of a device. What lies behind its end reads as zeroes, as in a file that was cut.
type super struct {
	head   []byte
	device io.ReaderAt
}

func (s super) at(offset, length int) []byte {
	field := make([]byte, length)
	if offset < len(s.head) {
		copy(field, s.head[offset:])
	}
	return field
}

func (s super) is(offset int, magic string) bool { return string(s.at(offset, len(magic))) == magic }

// uuid formats 16 bytes (RFC 9562 section 4). All zeroes are none.
func (s super) uuid(offset int) string {
	b := s.at(offset, 16)
	if strings.Trim(string(b), "\x00") == "" {
		return ""
	}
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func (s super) text(offset, length int) string { return trim(s.at(offset, length)) }

// ext reads the superblock of ext2, ext3 and ext4 (Documentation/filesystems/ext4, chapter 2). A journal device of its
// own is none of them.
func ext(s super) (Content, bool) {
	const journalDevice = 0x08
	incompat := binary.LittleEndian.Uint32(s.at(extSuper+96, 4))
	return Content{Kind: "ext4", UUID: s.uuid(extSuper + 104), Label: s.text(extSuper+120, 16)},
		s.is(extSuper+56, "\x53\xef") && incompat&journalDevice == 0
}

func xfs(s super) (Content, bool) {
	return Content{Kind: "xfs", UUID: s.uuid(32), Label: s.text(108, 12)}, s.is(0, "XFSB")
}

func btrfs(s super) (Content, bool) {
	const block = 64 << 10
	return Content{Kind: "btrfs", UUID: s.uuid(block + 32), Label: s.text(block+299, 256)}, s.is(block+64, "_BHRfS_M")
}

// swap has its mark at the end of a page, of whatever size the machine's are that made it.
func swap(s super) (Content, bool) {
	for _, page := range []int{4 << 10, 8 << 10, 16 << 10, 64 << 10} {
		if s.is(page-10, "SWAPSPACE2") && s.at(1024, 1)[0]|s.at(1027, 1)[0] != 0 {
			return Content{Kind: "swap", UUID: s.uuid(1024 + 12), Label: s.text(1024+28, 16)}, true
		}
	}
	return Content{}, false
}

// luks reads both versions' headers; the first has no label.
func luks(s super) (Content, bool) {
	content := Content{Kind: "crypto_LUKS", UUID: s.text(168, 40)}
	version := binary.BigEndian.Uint16(s.at(6, 2))
	if version == 2 {
		content.Label = s.text(24, 48)
	}
	return content, s.is(0, "LUKS\xba\xbe") && (version == 1 || version == 2)
}

// lvm finds the label of a physical volume in one of the first four sectors (lib/label/label.h).
func lvm(s super) (Content, bool) {
	for sector := range 4 {
		at := sector * 512
		if !s.is(at, "LABELONE") || !s.is(at+24, "LVM2 001") {
			continue
		}
		header := int(binary.LittleEndian.Uint32(s.at(at+20, 4)))
		if header < 32 || header > 512-32 {
			continue
		}
		id := string(s.at(at+header, 32))
		parts := []string{id[:6], id[6:10], id[10:14], id[14:18], id[18:22], id[22:26], id[26:]}
		return Content{Kind: "LVM2_member", PV: strings.Join(parts, "-")}, true
	}
	return Content{}, false
}

func fat(s super) (Content, bool) {
	boot := s.at(0, 512)
	v, ok := parseFAT(boot, s.device)
	at := 39
	if isFAT32(boot) {
		at = fatSerial
	}
	uuid := ""
	if serial := binary.LittleEndian.Uint32(boot[at:]); serial != 0 {
		uuid = fmt.Sprintf("%04X-%04X", serial>>16, serial&0xffff)
	}
	return Content{Kind: "vfat", UUID: uuid, Label: v.Label}, ok
}

// disc has no identifier, for which blkid takes the time it was made, or changed (ECMA-119 section 8.4.26.1).
func disc(s super) (Content, bool) {
	v := parseDisc(s.device)
	date := s.text(isoDescriptor+830, 16)
	if strings.Trim(date, "0") == "" {
		date = s.text(isoDescriptor+813, 16)
	}
	uuid := ""
	if len(date) == 16 && strings.Trim(date, "0123456789") == "" && strings.Trim(date, "0") != "" {
		uuid = strings.Join([]string{date[:4], date[4:6], date[6:8], date[8:10], date[10:12], date[12:14], date[14:]}, "-")
	}
	return Content{Kind: "iso9660", UUID: uuid, Label: v.Label}, v.FS == "iso9660"
}

// isRAID looks for the superblock of a Linux array (drivers/md, format 1.x and 0.90): at the start, or near the end,
// where the file system begins at the start of the member too.
func isRAID(head []byte, device io.ReaderAt, size int64) bool {
	const magic = "\xfc\x4e\x2b\xa9"
	s := super{head, device}
	if s.is(0, magic) || s.is(4096, magic) {
		return true
	}
	const alignment = 64 << 10
	for _, at := range []int64{size/alignment*alignment - alignment, (size/512 - 16) / 8 * 8 * 512} {
		mark := make([]byte, 4)
		if at > 0 {
			if _, err := device.ReadAt(mark, at); err == nil && string(mark) == magic {
				return true
			}
		}
	}
	return false
}
