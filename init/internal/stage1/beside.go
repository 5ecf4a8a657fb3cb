package stage1

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/plainfile"
)

const (
	// digestFile is in the initramfs of a small EFI file, in place of the root. It has the root's SHA-256.
	digestFile = "root.sha256"
	// besideFile is where systemd's stub puts a file that lies beside the EFI file on its medium (systemd-stub(7)).
	besideFile = "/sysext/root.sysext.raw"
	// mostDigest is more than a line with a SHA-256 has, in bytes.
	mostDigest = 80
)

// takeBeside gives an initramfs below top that names a root the one that lay beside its EFI file, if that is the root
// named. The signature of the EFI file covers the initramfs, and so by its SHA-256 the root. All of the root is read,
// once: it is in RAM, where nobody changes it. An initramfs that names none stays as it is.
func takeBeside(top string) error {
	line, err := plainfile.Read(top, digestFile, mostDigest)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.New(fault.Root, "read "+digestFile, "Build the image again.", err)
	}
	from := filepath.Join(top, extra, besideFile)
	if err := checkDigest(from, strings.TrimSpace(string(line))); err != nil {
		return fault.New(fault.Root, "take the root beside the EFI file", "The medium is damaged or incomplete: flash it again.", err)
	}
	if err := os.Rename(from, filepath.Join(top, image)); err != nil {
		return fault.New(fault.Root, "take the root beside the EFI file", "Report this with the kernel's version.", err)
	}
	return nil
}

func checkDigest(name, wanted string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return err
	}
	if found := hex.EncodeToString(hash.Sum(nil)); found != wanted {
		return fmt.Errorf("its SHA-256 is %s, and that of this system's root %s", found, wanted)
	}
	return nil
}
