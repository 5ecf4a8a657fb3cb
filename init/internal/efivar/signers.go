package efivar

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
)

// security is the vendor's GUID of the lists of keys that Secure Boot knows (UEFI specification 2.10, 32.6.1).
const security = "/sys/firmware/efi/efivars/%-d719b2cb-3d3a-4596-a3bc-dad00e67656f"

// Sizes of a list (UEFI specification 2.10, 32.4.1): its kind, three lengths, and the owner before each signature.
const (
	attributeBytes = 4
	guidBytes      = 16
	listHeader     = guidBytes + 12
)

// x509 is EFI_CERT_X509_GUID, as it lies in memory.
var x509 = []byte("\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72")

var errList = errors.New("a list of keys has a wrong length")

// Signers returns the SHA-256s of the certificates whose keys may sign what this machine starts: those of the variable
// db without those of dbx.
func Signers() []string {
	allowed, err := readSigners("db")
	if err != nil {
		return []string{}
	}
	forbidden, err := readSigners("dbx")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return []string{}
	}
	return slices.DeleteFunc(allowed, func(s string) bool { return slices.Contains(forbidden, s) })
}

func readSigners(name string) ([]string, error) {
	data, err := os.ReadFile(strings.Replace(security, "%", name, 1))
	if err != nil {
		return nil, err
	}
	return Certificates(data[min(attributeBytes, len(data)):])
}

// Certificates returns the SHA-256s of the certificates in lists of keys, in hexadecimal.
func Certificates(lists []byte) ([]string, error) {
	digests := []string{}
	for len(lists) > 0 {
		if len(lists) < listHeader {
			return nil, errList
		}
		list := binary.LittleEndian.Uint32(lists[guidBytes:])
		header := binary.LittleEndian.Uint32(lists[guidBytes+4:])
		size := binary.LittleEndian.Uint32(lists[guidBytes+8:])
		if list < listHeader || uint64(list) > uint64(len(lists)) || header > list-listHeader || size <= guidBytes {
			return nil, errList
		}
		signatures := lists[listHeader+header : list]
		if len(signatures)%int(size) != 0 {
			return nil, errList
		}
		if bytes.Equal(lists[:guidBytes], x509) {
			for one := range slices.Chunk(signatures, int(size)) {
				digest := sha256.Sum256(one[guidBytes:])
				digests = append(digests, hex.EncodeToString(digest[:]))
			}
		}
		lists = lists[list:]
	}
	return digests, nil
}
