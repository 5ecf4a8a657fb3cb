package stage2

import (
	"kios.dev/init/internal/attest"
	"kios.dev/init/internal/tpm"
)

// openAttest opens the socket by which an agent gets proof of what this machine has started.
func (h *host) openAttest() error {
	return h.api.Serve("/run", "attest", attest.Socket, attest.NewServer(h.quote, h.log).Serve)
}

// quote asks the TPM anew each time, because nobody else of the host uses it after the data partition was opened. For a
// system that nobody has signed no driver of a TPM is loaded.
func (h *host) quote(bound []byte) (tpm.Quote, error) {
	if _, err := tpm.ReadSigned(h.measured.Key, h.measured.Signature); err != nil {
		return tpm.Quote{}, err
	}
	chip, end, err := tpm.Open(0)
	if err != nil {
		return tpm.Quote{}, err
	}
	defer end()
	return chip.Quote(bound)
}
