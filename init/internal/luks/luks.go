// Package luks reads and writes headers of encrypted volumes in the form LUKS2 (LUKS2 On-Disk Format Specification
// 1.1.1), so that cryptsetup(8) opens what init makes. It does no encryption of the content: the kernel does.
package luks

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"kios.dev/init/internal/blockwrite"
)

// FS is the name of such a volume where that of a file system is expected, as blkid(8) prints it.
const FS = "crypto_LUKS"

// The errors of a header. None of them says that the content is lost.
var (
	// ErrNone means that the device has no header at all.
	ErrNone = errors.New("it has no LUKS2 header")
	// ErrDamaged means that no copy of the header is whole.
	ErrDamaged = errors.New("no copy of its LUKS2 header is whole")
	// ErrUnsupported means that the header asks for what init does not know.
	ErrUnsupported = errors.New("its LUKS2 header has something that init does not know")
	// ErrPassphrase means that a passphrase does not open a keyslot.
	ErrPassphrase = errors.New("the key does not fit")
)

// The binary part of a header (specification, section 2.1). All numbers are big-endian.
const (
	binaryBytes = 4096
	versionAt   = 6
	sizeAt      = 8
	seqAt       = 16
	labelAt     = 24
	sumNameAt   = 72
	saltAt      = 104
	uuidAt      = 168
	subsystemAt = 208
	offsetAt    = 256
	sumAt       = 448
	sumBytes    = 64

	leastBytes = 16 << 10
	mostBytes  = 4 << 20
)

var (
	primaryMagic   = []byte("LUKS\xba\xbe")
	secondaryMagic = []byte("SKUL\xba\xbe")
)

// Header is the header of a volume, of which the device has two copies.
type Header struct {
	UUID string

	bytes int64 // of one copy
	seq   uint64
	label string
	meta  metadata
	from  int64 // place of the copy that was read, or -1 for a new header
}

// Looks reports whether a device has anything of a LUKS2 header. Nothing that looks so may be overwritten.
func Looks(device io.ReaderAt) (bool, error) {
	_, _, err := Read(device)
	if errors.Is(err, ErrNone) {
		return false, nil
	}
	if errors.Is(err, ErrDamaged) || errors.Is(err, ErrUnsupported) {
		return true, nil
	}
	return err == nil, err
}

// Read returns the newest whole copy of a header. stale is true when the other copy has to be written again.
func Read(device io.ReaderAt) (h *Header, stale bool, err error) {
	magic, err := hasMagic(device, 0, primaryMagic)
	if err != nil {
		return nil, false, err
	}
	var found []*Header
	failed := ErrNone
	take := func(at int64, magic []byte) {
		one, err := readCopy(device, at, magic)
		switch {
		case err == nil:
			found = append(found, one)
		case !errors.Is(failed, ErrUnsupported):
			failed = err
		}
	}
	if magic {
		take(0, primaryMagic)
	}
	// Where the second copy is depends on its size, which only a whole first copy tells.
	for at := int64(leastBytes); at <= mostBytes; at *= 2 {
		if there, err := hasMagic(device, at, secondaryMagic); err == nil && there {
			take(at, secondaryMagic)
		}
	}
	if len(found) == 0 {
		return nil, false, failed
	}
	newest := slices.MaxFunc(found, func(a, b *Header) int { return cmp.Compare(a.seq, b.seq) })
	stale = len(found) < 2 || slices.ContainsFunc(found, func(one *Header) bool { return one.seq != newest.seq })
	return newest, stale, nil
}

func hasMagic(device io.ReaderAt, at int64, magic []byte) (bool, error) {
	have := make([]byte, len(magic))
	if _, err := device.ReadAt(have, at); err != nil {
		return false, err
	}
	return bytes.Equal(have, magic), nil
}

// readCopy reads the copy at a place that has its magic.
func readCopy(device io.ReaderAt, at int64, magic []byte) (*Header, error) {
	head := make([]byte, binaryBytes)
	if _, err := device.ReadAt(head, at); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint64(head[sizeAt:])
	if size < leastBytes || size > mostBytes || size&(size-1) != 0 || at != 0 && at != int64(size) {
		return nil, fmt.Errorf("%w: a wrong length", ErrDamaged)
	}
	all := make([]byte, size)
	if _, err := device.ReadAt(all, at); err != nil {
		return nil, err
	}
	return decode(all, at, magic)
}

// decode takes the bytes of one copy.
func decode(all []byte, at int64, magic []byte) (*Header, error) {
	if len(all) < leastBytes || !bytes.Equal(all[:len(magic)], magic) {
		return nil, ErrDamaged
	}
	if version := binary.BigEndian.Uint16(all[versionAt:]); version != 2 {
		return nil, fmt.Errorf("%w: version %d", ErrUnsupported, version)
	}
	if name := text(all[sumNameAt : sumNameAt+32]); name != "sha256" {
		return nil, fmt.Errorf("%w: checksum %q", ErrUnsupported, name)
	}
	sum := checksum(all)
	if !bytes.Equal(sum[:], all[sumAt:sumAt+sha256.Size]) || binary.BigEndian.Uint64(all[offsetAt:]) != uint64(at) {
		return nil, fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	}
	meta, err := parse(all[binaryBytes:])
	if err != nil {
		return nil, err
	}
	return &Header{
		UUID: text(all[uuidAt : uuidAt+40]), bytes: int64(len(all)), seq: binary.BigEndian.Uint64(all[seqAt:]),
		label: text(all[labelAt : labelAt+48]), meta: meta, from: at,
	}, nil
}

// checksum is that of a copy, in which the place of the checksum counts as zeros.
func checksum(all []byte) [sha256.Size]byte {
	hash := sha256.New()
	hash.Write(all[:sumAt])
	hash.Write(make([]byte, sumBytes))
	hash.Write(all[sumAt+sumBytes:])
	return [sha256.Size]byte(hash.Sum(nil))
}

func text(field []byte) string {
	before, _, _ := bytes.Cut(field, []byte{0})
	return string(before)
}

// encode returns one copy. Its salt is there so that two copies differ, and nothing reads it.
func (h *Header) encode(at int64, magic []byte) ([]byte, error) {
	json, err := h.meta.encode()
	if err != nil {
		return nil, err
	}
	if int64(len(json)) >= h.bytes-binaryBytes {
		return nil, fmt.Errorf("%w: it has no room", ErrUnsupported)
	}
	all := make([]byte, h.bytes)
	copy(all, magic)
	binary.BigEndian.PutUint16(all[versionAt:], 2)
	binary.BigEndian.PutUint64(all[sizeAt:], uint64(h.bytes))
	binary.BigEndian.PutUint64(all[seqAt:], h.seq)
	copy(all[labelAt:labelAt+47], h.label)
	copy(all[sumNameAt:], "sha256")
	rand.Read(all[saltAt:uuidAt])
	copy(all[uuidAt:uuidAt+39], h.UUID)
	binary.BigEndian.PutUint64(all[offsetAt:], uint64(at))
	copy(all[binaryBytes:], json)
	sum := checksum(all)
	copy(all[sumAt:], sum[:])
	return all, nil
}

// Writes returns the plan that puts the header onto its device. One copy of the old header is whole at each instant:
// the first that is written is not the one that was read. Of a new header the second copy comes first: before it is
// there, the device still is what it was.
func (h *Header) Writes() ([]blockwrite.Write, error) {
	first, err := h.encode(0, primaryMagic)
	if err != nil {
		return nil, err
	}
	second, err := h.encode(h.bytes, secondaryMagic)
	if err != nil {
		return nil, err
	}
	plan := []blockwrite.Write{{Offset: h.bytes, Data: second}, {Offset: 0, Data: first}}
	if h.from == h.bytes {
		slices.Reverse(plan)
	}
	return plan, nil
}
