package machine

import "os"

// secureBoot is UEFI's variable: four bytes of attributes and one that is 1 while signatures are enforced.
const secureBoot = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

// SecureBoot reports whether the firmware starts signed programs only.
func SecureBoot() bool {
	data, err := os.ReadFile(secureBoot)
	return err == nil && isOn(data)
}

func isOn(variable []byte) bool { return len(variable) == 5 && variable[4] == 1 }
