package stage2

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
)

// memory returns the machine's memory in bytes.
func memory() uint64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0 // never happens (sysinfo(2))
	}
	return info.Totalram * uint64(info.Unit)
}

// imageHostname returns the host name in the image's own /etc/hostname, which must not be covered by the overlay yet.
func imageHostname() string {
	if name := readLine("/etc/hostname"); name != "" && !strings.ContainsAny(name, " \n") {
		return name
	}
	return "kios"
}

// ensureMachineID creates the id that kubelet reports as the node's machineID, unless path holds one.
func ensureMachineID(path string) error {
	if len(readLine(path)) == 32 {
		return nil
	}
	var id [16]byte
	rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return atomicfile.Write(path, []byte(hex.EncodeToString(id[:])+"\n"), 0o444)
}
