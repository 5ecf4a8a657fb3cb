package tpm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

const (
	// headerText is where LUKS2 has the text of its header, which ends with a zero.
	headerText = 4096
	mostText   = 4 << 20
	console    = "/run/kios/control/console.sock"
)

// TestAPodGetsNoKey runs in a privileged pod of a node whose data partition its TPM has opened
// (os/test/e2e/encryption.test.ts), and says on the console what the TPM did. The variables have the partition, and
// what the EFI file says of its measurement: a pod can read that, too.
func TestAPodGetsNoKey(t *testing.T) {
	partition := os.Getenv("KIOS_POD_PARTITION")
	if partition == "" {
		t.Skip("runs in a pod")
	}
	event := map[string]any{"agent": "pod", "lvl": "info", "ev": "unseal.tried", "given": false}
	defer func() { event["passed"] = !t.Failed(); say(t, event) }()
	signed, err := ReadSigned([]byte(os.Getenv("KIOS_POD_PCRPKEY")), []byte(os.Getenv("KIOS_POD_PCRSIG")))
	if err != nil {
		t.Fatal(err)
	}
	sealed := sealedOn(t, partition)
	tpm, end, err := Open(time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	if _, err := tpm.Unseal(sealed, signed); !errors.Is(err, ErrSystem) {
		t.Error(err)
	}
	met, got := tpm.attack(t, sealed, signed)
	event["given"], event["why"] = got != nil, fmt.Sprint(met)
	if got != nil {
		t.Error("the TPM gives the key to a pod")
	}
}

// sealedOn returns the key that a TPM has encrypted, from the header of a volume.
func sealedOn(t *testing.T, partition string) Sealed {
	t.Helper()
	device, err := os.Open(partition)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	text, err := io.ReadAll(io.NewSectionReader(device, headerText, mostText))
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ = bytes.Cut(text, []byte{0})
	var header struct {
		Tokens map[string]struct {
			Type string `json:"type"`
			Sealed
		} `json:"tokens"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		t.Fatal(err)
	}
	for _, token := range header.Tokens {
		if token.Type == "kios-tpm2" {
			return token.Sealed
		}
	}
	t.Fatal("no TPM has encrypted a key of " + partition)
	return Sealed{}
}

func say(t *testing.T, event map[string]any) {
	t.Helper()
	line, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", console)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}
