package encrypted

import (
	"errors"
	"os"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/luks"
	"kios.dev/init/internal/tpm"
)

const (
	// AskFile, in the folder for people, asks for encryption of a data partition that was never used.
	AskFile = "encrypt"
	// KeyFile, beside it, holds a recovery key, for one boot.
	KeyFile = "recovery-key"

	byKey = "Put the recovery key into the file kios/" + KeyFile + " of the medium and reboot: init reads the file once and removes it."
)

// Explain returns a reason for which a volume stays closed, or was opened by a person, with what to do.
func Explain(device string, why error) *fault.Error {
	doing := "open " + device + " by the TPM"
	switch {
	case errors.Is(why, errHeader), errors.Is(why, luks.ErrUnsupported):
		return fault.New(fault.CryptHeader, "read the header of "+device,
			"Nothing is written there. Restore the header with cryptsetup luksHeaderRestore on another machine, or flash the medium again.", why)
	case errors.Is(why, tpm.ErrWords):
		return fault.New(fault.CryptWords, doing, "Remove the words from the machine's SMBIOS strings, addons or loader entry, and reboot. "+byKey, why)
	case errors.Is(why, tpm.ErrSystem), errors.Is(why, tpm.ErrKey), errors.Is(why, tpm.ErrUnsigned):
		return fault.New(fault.CryptSystem, doing, "Start a system that was built with the same --pcr-key. If you did not put this one there, somebody else did. "+byKey, why)
	case errors.Is(why, os.ErrNotExist):
		why = errors.New("there is no TPM, or the firmware hides it")
	}
	return fault.New(fault.CryptTPM, doing, "Turn the TPM on in the firmware's menu. "+byKey, why)
}

// ExplainKey returns why a person's key opens nothing.
func ExplainKey(device string, why error) *fault.Error {
	return fault.New(fault.CryptKey, "open "+device+" by the key of kios/"+KeyFile,
		"Write the key that this machine showed at its first boot into the file again: 8 groups of 5 letters and digits. The file is removed after each try.", why)
}
