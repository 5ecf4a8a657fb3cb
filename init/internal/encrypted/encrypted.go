// Package encrypted opens and makes an encrypted data partition: a LUKS2 volume whose key the machine's TPM keeps for
// systems that the builder has signed, and a person for the day on which it does not.
package encrypted

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"kios.dev/init/internal/blockwrite"
	"kios.dev/init/internal/devmapper"
	"kios.dev/init/internal/luks"
	"kios.dev/init/internal/tpm"
)

const (
	// mapped is the name of the opened volume below /dev/mapper, and its label.
	mapped = "kios-data"
	// sealedType is the type of the token with the key that the TPM has encrypted.
	sealedType = "kios-tpm2"
	// recoveryType is the type of the token that says whether anybody was shown the recovery key.
	recoveryType = "kios-recovery"
	secretBytes  = 32
)

var (
	// ErrNoSealed means that the header has no key for a TPM.
	ErrNoSealed = errors.New("its header has no key for a TPM")
	// ErrUnlike means that the TPM gave out another key than the volume has.
	ErrUnlike = errors.New("the key that the TPM keeps is not the partition's")

	errHeader = errors.New("no header can be used")
)

// Keeper is the part of a TPM that keeps a secret.
type Keeper interface {
	Seal(secret []byte, key *rsa.PublicKey, keyID string) (tpm.Sealed, error)
	Unseal(sealed tpm.Sealed, signed tpm.Signed) ([]byte, error)
}

// Machine is what can open a volume without a person.
type Machine struct {
	TPM      Keeper
	NoTPM    error // why there is none, or nil
	System   tpm.Signed
	Unsigned error // why System is empty, or nil
}

// check returns why the machine keeps no key.
func (m Machine) check() error {
	if m.Unsigned != nil {
		return m.Unsigned
	}
	return m.NoTPM
}

type sealedToken struct {
	Type     string   `json:"type"`
	Keyslots []string `json:"keyslots"`
	tpm.Sealed
}

type recoveryToken struct {
	Type     string   `json:"type"`
	Keyslots []string `json:"keyslots"`
	Shown    bool     `json:"shown"`
}

// Volume is a volume whose key is known.
type Volume struct {
	Header *luks.Header
	Key    luks.Key
	// Recovered says that a person's key has opened it, because of Why.
	Recovered bool
	Why       error
	writes    []blockwrite.Write // of keyslots that the header has and the device has not
	changed   bool
}

// Locked says why a volume stays closed.
type Locked struct {
	Why error // of the machine
	Key error // of the person's key, or nil if there was none
}

func (l *Locked) Error() string { return errors.Join(l.Why, l.Key).Error() }

// Unwrap returns the reasons.
func (l *Locked) Unwrap() []error { return []error{l.Why, l.Key} }

// Unlock finds the key of the volume on a device. The recovery key, if it is not empty, is tried where the machine has
// none. Nothing is written.
func Unlock(device io.ReaderAt, m Machine, recovery string) (*Volume, error) {
	header, stale, err := luks.Read(device)
	if err != nil {
		return nil, &Locked{Why: fmt.Errorf("%w: %w", errHeader, err)}
	}
	v := &Volume{Header: header, changed: stale}
	if v.Key, v.Why = m.unseal(header, device); v.Why == nil {
		return v, nil
	}
	if recovery == "" {
		return nil, &Locked{Why: v.Why}
	}
	if v.Key, err = openBy(header, device, recovery); err != nil {
		return nil, &Locked{v.Why, err}
	}
	v.Recovered = true
	return v, nil
}

// openBy tries what a person has written. The text may also be a passphrase that somebody added by cryptsetup(8).
func openBy(header *luks.Header, device io.ReaderAt, written string) (luks.Key, error) {
	var forTPM []string
	for _, token := range header.Tokens(sealedType) {
		forTPM = append(forTPM, token.Keyslots...)
	}
	written = strings.TrimRight(written, "\r\n")
	if key, err := luks.ParseRecoveryKey(written); err == nil {
		written = key
	}
	return header.OpenAny(device, []byte(written), forTPM)
}

// unseal has the TPM open the volume.
func (m Machine) unseal(header *luks.Header, device io.ReaderAt) (luks.Key, error) {
	failed := ErrNoSealed
	for _, token := range header.Tokens(sealedType) {
		if err := m.check(); err != nil {
			return nil, err
		}
		var t sealedToken
		if err := json.Unmarshal(token.Raw, &t); err != nil {
			failed = fmt.Errorf("%w: %w", luks.ErrUnsupported, err)
			continue
		}
		secret, err := m.TPM.Unseal(t.Sealed, m.System)
		if err != nil {
			failed = err
			continue
		}
		for _, slot := range t.Keyslots {
			key, err := header.Open(device, slot, secret)
			if err == nil {
				return key, nil
			}
			failed = fmt.Errorf("%w: %w", ErrUnlike, err)
		}
	}
	return nil, failed
}

// Make returns the header of a new volume, and its recovery key. It fails unless this machine, as it has started now,
// can open the volume by itself.
func Make(uuid string, m Machine) (v *Volume, recovery string, err error) {
	key := luks.NewKey()
	v = &Volume{Header: luks.New(uuid, mapped, key), Key: key, changed: true}
	if err := v.seal(m); err != nil {
		return nil, "", err
	}
	if recovery, err = v.addRecovery(""); err != nil {
		return nil, "", err
	}
	return v, recovery, nil
}

// Reseal gives the TPM of this machine a key, if a person had to open the volume because the TPM is another one, or
// because the system is signed by another key than before. It reports whether there is one.
func (v *Volume) Reseal(m Machine) (bool, error) {
	lasting := []error{tpm.ErrOther, tpm.ErrKey, ErrNoSealed, ErrUnlike}
	if !v.Recovered || m.check() != nil || !slices.ContainsFunc(lasting, func(why error) bool { return errors.Is(v.Why, why) }) {
		return false, nil
	}
	old := v.Header.Tokens(sealedType)
	if err := v.seal(m); err != nil {
		return false, err
	}
	for _, token := range old {
		for _, slot := range token.Keyslots {
			v.Header.RemoveKey(slot)
		}
	}
	return true, nil
}

// seal adds a keyslot for this machine, whose token takes the place of the one before.
func (v *Volume) seal(m Machine) error {
	if err := m.check(); err != nil {
		return err
	}
	secret := make([]byte, secretBytes)
	rand.Read(secret) // never fails
	sealed, err := m.TPM.Seal(secret, m.System.Key, m.System.KeyID)
	if err != nil {
		return err
	}
	if _, err := m.TPM.Unseal(sealed, m.System); err != nil {
		return err
	}
	slot, err := v.add(secret)
	if err != nil {
		return err
	}
	return v.Header.SetToken(v.idOf(sealedType), sealedToken{sealedType, []string{slot}, sealed})
}

// idOf returns the number of the first token of a type, or "".
func (v *Volume) idOf(kind string) string {
	if tokens := v.Header.Tokens(kind); len(tokens) > 0 {
		return tokens[0].ID
	}
	return ""
}

func (v *Volume) add(secret []byte) (slot string, err error) {
	slot, writes, err := v.Header.AddKey(v.Key, secret)
	v.writes, v.changed = append(v.writes, writes...), true
	return slot, err
}

func (v *Volume) addRecovery(id string) (string, error) {
	recovery := luks.NewRecoveryKey()
	slot, err := v.add([]byte(recovery))
	if err != nil {
		return "", err
	}
	return recovery, v.Header.SetToken(id, recoveryToken{recoveryType, []string{slot}, false})
}

// NewRecovery returns another recovery key in place of one that nobody was shown, because the power went before, and ""
// where there is nothing to do.
func (v *Volume) NewRecovery() (string, error) {
	for _, token := range v.Header.Tokens(recoveryType) {
		var t recoveryToken
		if json.Unmarshal(token.Raw, &t) != nil || t.Shown {
			continue
		}
		recovery, err := v.addRecovery(token.ID)
		if err == nil {
			for _, slot := range t.Keyslots {
				v.Header.RemoveKey(slot)
			}
		}
		return recovery, err
	}
	return "", nil
}

// Shown notes that a person could read the recovery key.
func (v *Volume) Shown() error {
	for _, token := range v.Header.Tokens(recoveryType) {
		var t recoveryToken
		if err := json.Unmarshal(token.Raw, &t); err != nil || t.Shown {
			continue
		}
		t.Shown = true
		if err := v.Header.SetToken(token.ID, t); err != nil {
			return err
		}
		v.changed = true
	}
	return nil
}

// Changed reports whether Write has anything to write.
func (v *Volume) Changed() bool { return v.changed }

// Write puts what has changed onto the device, a header last.
func (v *Volume) Write(device blockwrite.Device) error {
	if !v.changed {
		return nil
	}
	header, err := v.Header.Writes()
	if err != nil {
		return err
	}
	if err := blockwrite.Apply(device, append(v.writes, header...)); err != nil {
		return err
	}
	v.writes, v.changed = nil, false
	return nil
}

// Mapping says how the kernel opens the content of the volume on a device of so many bytes.
func (v *Volume) Mapping(device string, size int64) devmapper.Crypt {
	content := v.Header.Content()
	whole := int64(content.SectorSize)
	return devmapper.Crypt{
		Name: mapped, UUID: "CRYPT-LUKS2-" + strings.ReplaceAll(v.Header.UUID, "-", "") + "-" + mapped,
		Cipher: content.Cipher, Key: v.Key, Device: device,
		Offset: content.Offset, Bytes: (size - content.Offset) / whole * whole, SectorSize: content.SectorSize,
	}
}
