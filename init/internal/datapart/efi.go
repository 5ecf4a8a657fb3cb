package datapart

import (
	"strings"

	"kios.dev/init/internal/efivar"
)

// guidLength is the length of a GUID as text.
const guidLength = 36

// BootPart returns the GUID of the partition booted from, or "" when it is unknown. The loader leaves it in a variable,
// and without a loader the EFI stub does.
func BootPart() string { return asGUID(efivar.Loader("LoaderDevicePartUUID")) }

// asGUID returns a GUID in lower case, and "" for what is too short to be one.
func asGUID(text string) string {
	if len(text) < guidLength {
		return ""
	}
	return strings.ToLower(text)
}
